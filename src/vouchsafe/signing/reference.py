"""A document too large for a log or a bundle: kept beside the image as a referrer, while its digest is attested.

The predicate is in-toto's Reference v0.1, made for "metadata that is not provided in-band"; who reads it fetches
the document and compares the digest. Media types are those that registries with a list of known ones (GitLab's)
take: cosign's own for SBOMs.

>>> document = Document(media_type=MEDIA_TYPES["cyclonedx"], content=b"{}")
>>> predicate(document, Repository.parse("registry.example/group/app"))["references"][0]["downloadLocation"][
...     :47
... ]
'https://registry.example/v2/group/app/blobs/sha'
"""

from __future__ import annotations

from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record
from vouchsafe.signing.predicate import Json

PREDICATE_TYPE = "https://in-toto.io/attestation/reference/v0.1"
ATTESTER = "https://vouchsafe.invalid/attest/v1"  # an identifier of what wrote the reference
LARGEST = 128 * 1024 * 1024  # bytes of a document
MEDIA_TYPES = {  # by cosign attest's short names
    "cyclonedx": "application/vnd.cyclonedx+json",
    "spdxjson": "text/spdx+json",
    "spdx": "text/spdx",
}
_HUB = {"docker.io": "registry-1.docker.io"}


class Document(Record):
    """What is kept, and as what."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> Digest:
        """Of the content, to the letter."""
        return Digest.of(self.content)


def predicate(document: Document, repository: Repository) -> Json:
    """What is attested: where the document is, what it is, and its digest."""
    host = _HUB.get(repository.domain, repository.domain)
    digest = document.digest
    return {
        "attester": {"id": ATTESTER},
        "references": [
            {
                "downloadLocation": f"https://{host}/v2/{repository.path}/blobs/{digest}",
                "digest": {digest.algorithm: digest.hex},
                "mediaType": document.media_type,
            }
        ],
    }
