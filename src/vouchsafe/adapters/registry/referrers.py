"""Reads answers of the referrers API, and tells them from what registries without it send.

GitLab answers HTML with status 200, others 404, 405, or an error document: all mean "no such API", and
the fallback tag is read instead. Descriptors are believed for their digest only: their artifactType is
wrong in cosign's own fallback index, and one that cannot be read must not hide the others.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from vouchsafe.adapters.http import Response
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.manifest import LARGEST_MANIFEST, MOST_ENTRIES, OCI_INDEX, Descriptor
from vouchsafe.strictjson import Fields

LONGEST_LINK = 8_192  # characters
_JSON_TYPES = frozenset(("", "application/json", OCI_INDEX))


def read_page(response: Response) -> tuple[Descriptor, ...] | None:
    """The descriptors of one page; None when this is no answer of a referrers API."""
    if response.status >= 500 and response.status != 501:
        raise Unavailable(
            "http-status",
            f"expected referrers from {response.url.shown}, got status {response.status}",
            retryable=True,
        )
    if response.status != 200 or response.content_type not in _JSON_TYPES:
        return None
    try:
        fields = Fields.parse(response.body, what="referrers", largest=LARGEST_MANIFEST)
        if "manifests" not in fields and response.content_type != OCI_INDEX:
            return None
        entries = fields.objects("manifests", MOST_ENTRIES, ())
    except MalformedError:
        if response.content_type == OCI_INDEX:
            raise
        return None
    return tuple(found for entry in entries if (found := _descriptor(entry)) is not None)


def _descriptor(entry: Fields) -> Descriptor | None:
    try:
        return Descriptor.read(entry)
    except MalformedError:
        return None


def next_page(response: Response) -> str | None:
    """The query of the next page (`Link: <…>; rel="next"`, RFC 8288), None on the last.

    The page must be one of the same listing: a link to elsewhere would carry our token there.
    """
    target = link_target(response.headers.get("link", ""))
    if target is None:
        return None
    url = response.url.join(target)
    path, _, query = url.target.partition("?")
    if url.origin != response.url.origin or path != response.url.target.partition("?")[0]:
        raise MalformedError(
            "referrers-link", f"expected the next page of {response.url.shown}, got {url.shown}"
        )
    return urlencode(parse_qsl(query, keep_blank_values=True))


def link_target(untrusted_header: str) -> str | None:
    """What a `Link` header calls next; None when it calls nothing that. MalformedError when too long."""
    if len(untrusted_header) > LONGEST_LINK:
        raise MalformedError(
            "referrers-link", f"expected at most {LONGEST_LINK} characters of Link, got more"
        )
    rest = untrusted_header
    while (start := rest.find("<")) >= 0:
        target, closed, rest = rest[start + 1 :].partition(">")
        if not closed:
            return None
        parameters, _, _ = rest.partition("<")
        for parameter in parameters.split(";"):
            name, _, value = parameter.strip(" \t,").partition("=")
            if name.strip().lower() == "rel" and "next" in value.strip(' \t"').lower().split():
                return target
    return None
