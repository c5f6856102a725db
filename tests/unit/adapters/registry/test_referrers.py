"""The referrers API, and everything that is sent in its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.adapters.http import Response
from vouchsafe.adapters.registry.referrers import link_target, next_page, read_page
from vouchsafe.adapters.urls import Url
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.manifest import OCI_INDEX

DIGEST = "sha256:" + "a" * 64
HERE = Url.parse(f"https://r.example/v2/group/app/referrers/{DIGEST}?n=2")


def answer(body: bytes, content_type: str = OCI_INDEX, status: int = 200, **headers: str) -> Response:
    """An answer of the API's URL."""
    return Response(status=status, headers={"content-type": content_type, **headers}, body=body, url=HERE)


def index(*entries: dict[str, Any]) -> bytes:
    """An index with these descriptors."""
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}).encode()


def entry(character: str, **more: Any) -> dict[str, Any]:
    """A descriptor."""
    return {"mediaType": "a/b", "digest": f"sha256:{character * 64}", "size": 3, **more}


def test_reads_descriptors() -> None:
    """All of them, whatever their artifactType says."""
    found = read_page(answer(index(entry("a", artifactType="application/vnd.oci.empty.v1+json"), entry("b"))))
    assert found is not None
    assert [each.digest.hex[0] for each in found] == ["a", "b"]


NO_API = {
    "404 text": answer(b"404 page not found\n", "text/plain", 404),
    "404 JSON": answer(b'{"errors":[{"code":"METHOD_UNKNOWN"}]}', "application/json", 404),
    "405": answer(b"", "", 405),
    "400": answer(b"", "", 400),
    "406": answer(b"", "", 406),
    "501": answer(b"", "", 501),
    "HTML with 200, as GitLab": answer(b"<html>Sign in</html>", "text/html; charset=utf-8"),
    "HTML called JSON": answer(b"<html>", "application/json"),
    "an error with 200": answer(b'{"errors":[]}', "application/json"),
    "nothing with 200": answer(b"", ""),
    "a list": answer(b"[]", "application/json"),
    "text": answer(index(entry("a")), "text/plain"),
    "a redirect to a login page": answer(b"", "", 303, location="https://login.example/"),
    "an image": answer(b"{}", "application/vnd.oci.image.manifest.v1+json"),
}


@pytest.mark.parametrize("name", NO_API)
def test_no_such_api(name: str) -> None:
    """What is no index means that the fallback tag is read."""
    assert read_page(NO_API[name]) is None


@pytest.mark.parametrize("content_type", ["", "application/json", OCI_INDEX, OCI_INDEX.upper()])
def test_an_index_under_any_json_type(content_type: str) -> None:
    """Some registries forget the media type."""
    assert read_page(answer(index(), content_type)) == ()


def test_a_server_error_is_no_absence() -> None:
    """500 says nothing about signatures: Unavailable, so Undecided."""
    with pytest.raises(Unavailable) as caught:
        read_page(answer(b"", "", 500))
    assert (caught.value.code, caught.value.retryable) == ("http-status", True)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"manifests": 1}', b'{"a":1,"a":2}', b'{"manifests":["x"]}'])
def test_a_broken_index_is_malformed(body: bytes) -> None:
    """What calls itself an index and is none."""
    with pytest.raises(MalformedError):
        read_page(answer(body))


def test_an_unreadable_descriptor_hides_no_other() -> None:
    """Somebody else's junk must not be able to deny our signature."""
    junk = [entry("a", size=-1), entry("b", digest="sha256:../x"), entry("c", annotations=[1]), {}]
    found = read_page(answer(index(*junk, entry("d"))))
    assert [str(each.digest)[7] for each in found or ()] == ["d"]


LINKS = {
    '</v2/group/app/referrers/X?last=3&n=2>; rel="next"': "last=3&n=2",
    "</v2/group/app/referrers/X?last=3>; rel=next": "last=3",
    '<?last=%2Fx%26>; foo="b"; REL = "prev next"': "last=%2Fx%26",
    '<https://r.example/v2/group/app/referrers/X?a=>;rel="next"': "a=",
    '<https://r.example:443/v2/group/app/referrers/X?a=b>;rel="next"': "a=b",
    '</other>; rel="prev", </v2/group/app/referrers/X?p=2>; rel="next"': "p=2",
    '</other>; rel="prev"': None,
    "</v2/group/app/referrers/X?p=2>": None,
    "no link at all": None,
    "</unclosed": None,
    "": None,
}


@pytest.mark.parametrize("header", LINKS)
def test_next_page(header: str) -> None:
    """RFC 8288, as far as registries use it."""
    assert next_page(answer(index(), link=header.replace("X", DIGEST))) == LINKS[header]


FOREIGN = [
    "<https://evil.example/v2/group/app/referrers/X?a=b>; rel=next",
    "<//evil.example/v2/group/app/referrers/X?a=b>; rel=next",
    "<http://r.example/v2/group/app/referrers/X?a=b>; rel=next",
    "<https://r.example:8443/v2/group/app/referrers/X?a=b>; rel=next",
    "</v2/other/app/referrers/X?a=b>; rel=next",
    "</v2/group/app/blobs/X?a=b>; rel=next",
    "<https://user@r.example/v2/group/app/referrers/X>; rel=next",
    "<" + "a" * 9_000 + ">; rel=next",
]


@pytest.mark.parametrize("header", FOREIGN)
def test_ghsa_jxpm_75mh_9fp7_a_link_stays_in_its_listing(header: str) -> None:
    """A next page elsewhere would carry our token there."""
    with pytest.raises(MalformedError):
        next_page(answer(index(), link=header.replace("X", DIGEST)))


@given(st.text())
def test_any_link(header: str) -> None:
    """A target, nothing, or MalformedError."""
    try:
        found = link_target(header)
    except MalformedError:
        return
    assert found is None or f"<{found}>" in header


@given(
    st.binary(max_size=100),
    st.sampled_from(["", "application/json", OCI_INDEX, "text/html"]),
    st.integers(200, 499),
)
def test_any_answer(body: bytes, content_type: str, status: int) -> None:
    """Descriptors, no API, or MalformedError."""
    try:
        read_page(answer(body, content_type, status))
    except MalformedError:
        return
