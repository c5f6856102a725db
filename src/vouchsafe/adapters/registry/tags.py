"""Reads a page of a repository's tags (distribution-spec, Listing Tags). They are a hint about what to look at."""

from __future__ import annotations

from vouchsafe.adapters.http import Response
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.strictjson import Fields

LARGEST_PAGE = 4 * 1024 * 1024  # bytes
MOST_IN_A_PAGE = 100_000
LONGEST_TAG = 128  # characters


def read_tags(response: Response) -> tuple[str, ...]:
    """The tags of one page; none where the repository is not known. Unavailable, MalformedError."""
    if response.status == 404:
        return ()
    if response.status != 200:
        raise Unavailable(
            "http-status",
            f"expected tags from {response.url.shown}, got status {response.status}",
            retryable=response.status >= 500,
        )
    fields = Fields.parse(response.body, what="tags", largest=LARGEST_PAGE)
    if fields.raw("tags") is None:  # what Go writes for none
        return ()
    tags = fields.items("tags", MOST_IN_A_PAGE)
    for tag in tags:
        if not isinstance(tag, str) or len(tag) > LONGEST_TAG:
            raise MalformedError("tags", f"expected names of tags, got {str(tag)[:LONGEST_TAG]!r}")
    return tuple(str(tag) for tag in tags)
