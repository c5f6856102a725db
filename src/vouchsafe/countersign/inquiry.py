"""What a policy plugin asks of the verdict socket: `/v1/verdict/NAME?digest=…`, and nothing else.

Here the name has its tag, so what is judged is exactly the scope that the policy selects. Every part is read by
its own grammar before it names anything, and nothing is ever decoded: no character of a reference needs it.

>>> asked = parse("/v1/verdict/registry.example/app:v1?digest=sha256:" + 64 * "0")
>>> str(asked.reference), asked.through
('docker://registry.example/app:v1', None)
"""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.protocol.request import fit
from vouchsafe.record import Record

LONGEST_TARGET = 2_048  # characters: two names and two digests
PATH = "/v1/verdict/"
_KEYS = ("digest", "list", "physical")


class Inquiry(Record):
    """One question. `reference`: what somebody asked for; `digest`: what they are about to use.

    `through`: the list that it was chosen from. `physical`: where the bytes come from; written down, not judged.
    """

    reference: Reference
    repository: Repository
    digest: Digest
    through: Digest | None = None
    physical: str = ""


def parse(untrusted_target: str) -> Inquiry:
    """Read a target; MalformedError `verdict-path`, `plugin-digest`, or what is wrong with a name or a digest."""
    path, _, query = untrusted_target.partition("?")
    name = path.removeprefix(PATH)
    if len(untrusted_target) > LONGEST_TARGET or name in ("", path):
        raise _unknown(untrusted_target)
    given: dict[str, str] = {}
    for each in query.split("&"):
        key, _, value = each.partition("=")
        if key not in _KEYS or key in given or not value:
            raise _unknown(untrusted_target)
        given[key] = value
    if "digest" not in given:
        raise _unknown(untrusted_target)
    if "physical" in given:
        Reference.parse(f"docker://{given['physical']}")
    reference = Reference.parse(f"docker://{name}")
    if reference.repository is None:  # never: docker references have one
        raise _unknown(untrusted_target)
    digest = Digest.parse(given["digest"])
    through = Digest.parse(given["list"]) if "list" in given else None
    fit(reference, digest, through)
    return Inquiry(
        reference=reference,
        repository=reference.repository,
        digest=digest,
        through=through,
        physical=given.get("physical", ""),
    )


def _unknown(target: str) -> MalformedError:
    return MalformedError(
        "verdict-path",
        f"expected {PATH}NAME?digest=DIGEST[&list=DIGEST][&physical=NAME], got {target[:200]!r}",
    )
