"""A request is read as strictly as it is written; what is unknown is passed over, unless it is required."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol.request import Credentials, Describe, Request, identifier, parse

MANIFEST = b'{"schemaVersion":2}'
DIGEST, LIST = Digest.of(MANIFEST), Digest.of(b"a list")
FULL = Request(
    id="7",
    reference=Reference.parse("registry.example/group/app:v1"),
    digest=DIGEST,
    manifest=MANIFEST,
    through=LIST,
    physical="mirror.example/app:v1",
    credentials=Credentials(auth_file="/run/auth.json", cert_dir="/etc/certs", tls_verify=False),
    seconds=2.5,
    requires=("fetch",),
)
Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit) -> bytes:
    """The full request, changed in place."""
    said = json.loads(FULL.document())
    edit(said)
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    "request_",
    [
        FULL,
        Request(reference=Reference.parse("busybox"), digest=DIGEST),
        Request(reference=Reference.parse(f"busybox@{DIGEST}"), digest=DIGEST),
        Request(reference=Reference.parse(f"busybox@{LIST}"), digest=DIGEST, through=LIST),
        Request(reference=Reference.parse("oci:/srv/layout:v1"), digest=DIGEST),
        Request(
            reference=Reference.parse("dir:/srv/image"),
            digest=DIGEST,
            credentials=Credentials(tls_verify=True),
            physical="/srv/image",
        ),
    ],
)
def test_a_request_is_read_as_it_was_written(request_: Request) -> None:
    """All of it."""
    assert parse(request_.document()) == request_


def test_what_nobody_knows_is_passed_over() -> None:
    """A later host may say more."""

    def edit(said: dict[str, Any]) -> None:
        said["later"] = said["image"]["later"] = said["credentials"]["later"] = {"x": [1]}

    assert parse(edited(edit)) == FULL


def test_describe_is_understood_in_every_version() -> None:
    """It is how a host finds out which ones there are."""
    assert parse(Describe(id="8").document()) == Describe(id="8")
    assert parse(b'{"policyPlugin":99,"operation":"describe"}') == Describe()


def test_settings_are_named() -> None:
    """Whoever has no use for one must say so."""
    found = parse(edited(lambda said: said.update(config={"b": 1, "a": 2})))
    assert isinstance(found, Request)
    assert found.settings == ("a", "b")


def test_an_image_by_digest() -> None:
    """Where it is fetched from."""
    assert str(FULL.resolved) == f"docker://registry.example/group/app@{DIGEST}"


WRONG: dict[str, tuple[str, Edit]] = {
    "version": ("plugin-version", lambda said: said.update(policyPlugin=2)),
    "version-text": ("json-type", lambda said: said.update(policyPlugin="1")),
    "version-true": ("json-type", lambda said: said.update(policyPlugin=True)),
    "operation": ("plugin-operation", lambda said: said.update(operation="bless")),
    "id": ("plugin-text", lambda said: said.update(id="x" * 200)),
    "image": ("json-type", lambda said: said.update(image=None)),
    "transport": ("reference-transport", lambda said: said["image"].update(transport="atomic")),
    "logical": ("reference", lambda said: said["image"].update(logical="Capital/app")),
    "logical-empty": ("reference", lambda said: said["image"].update(logical="")),
    "path-relative": (
        "plugin-path",
        lambda said: said["image"].update(transport="dir", logical="images/app", physical=""),
    ),
    "logical-line": ("plugin-text", lambda said: said["image"].update(logical="a\nb")),
    "physical": ("reference", lambda said: said["image"].update(physical="mirror/../x")),
    "digest": ("digest", lambda said: said["image"].update(digest="sha256:0")),
    "digest-of-another": ("plugin-digest", lambda said: said["image"].update(digest=str(LIST))),
    "digest-in-the-name": (
        "plugin-digest",
        lambda said: said["image"].update(logical=f"busybox@{Digest.of(b'another')}"),
    ),
    "list": ("json-type", lambda said: said["image"].update(list="sha256:0")),
    "list-of-another": ("plugin-digest", lambda said: said["image"]["list"].update(manifest="e30=")),
    "base64": ("base64", lambda said: said["image"].update(manifest="e")),
    "auth-file": ("plugin-credentials", lambda said: said["credentials"].update(authFile="auth.json")),
    "cert-dir": ("plugin-credentials", lambda said: said["credentials"].update(certDir="certs.d")),
    "tls-verify": ("json-type", lambda said: said["credentials"].update(tlsVerify="no")),
    "no-time": ("plugin-timeout", lambda said: said.update(timeoutMs=0)),
    "too-much-time": ("plugin-timeout", lambda said: said.update(timeoutMs=3_600_001)),
    "requires": ("json-type", lambda said: said.update(requires=[7])),
    "requires-long": ("json-type", lambda said: said.update(requires=["x" * 200])),
    "requires-many": ("json-too-many", lambda said: said.update(requires=["x"] * 65)),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    """By its code; the id is known all the same, where it is one."""
    code, edit = WRONG[name]
    with pytest.raises(MalformedError) as refused:
        parse(edited(edit))
    assert refused.value.code == code
    assert identifier(edited(edit)) == ("" if name == "id" else "7")


@pytest.mark.parametrize("blob", [b"", b"{", b'{"id":7}', b'{"id":"a\\nb"}', b'{"id":"a","id":"b"}'])
def test_where_no_id_can_be_read(blob: bytes) -> None:
    """There is none."""
    assert identifier(blob) == ""


def test_a_manifest_has_a_limit() -> None:
    """That of containers/image."""
    large = b" " * (4 * 1024 * 1024 + 1)
    with pytest.raises(MalformedError, match="at most 4194304 bytes"):
        parse(FULL.replace(manifest=large, digest=Digest.of(large)).document())
