"""What a client asks of a lookaside: `/<registry>/<repository>@sha256=<hex>/signature-N`, and nothing else.

Every part is read by its own grammar before it names anything: no `%`, no `..`, no query, no capital letter
in the repository (containers/image, docker/docker_image_src.go builds the path).

>>> asked = parse("/registry.example:5000/group/app@sha256=" + 64 * "0" + "/signature-1")
>>> asked.repository.name, asked.number
('registry.example:5000/group/app', 1)
"""

from __future__ import annotations

import re

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record

LONGEST_TARGET = 512  # characters: a name has at most 255
_TARGET = re.compile(r"/([^/@]+)/([^@]+)@sha256=([0-9a-f]{64})/signature-([1-9][0-9]{0,2})", re.ASCII)


class Asked(Record):
    """One question. `repository` is the physical one: where the client fetches, behind registries.conf."""

    repository: Repository
    digest: Digest
    number: int


def parse(untrusted_target: str) -> Asked:
    """Read a request's target; MalformedError `countersign-path`."""
    found = _TARGET.fullmatch(untrusted_target) if len(untrusted_target) <= LONGEST_TARGET else None
    if found is None:
        raise MalformedError(
            "countersign-path",
            f"expected /REGISTRY/REPOSITORY@sha256=DIGEST/signature-N, got {untrusted_target[:200]!r}",
        )
    domain, path, hexadecimal, number = found.groups()
    return Asked(
        repository=Repository(domain=domain, path=path),
        digest=Digest(algorithm="sha256", hex=hexadecimal),
        number=int(number),
    )
