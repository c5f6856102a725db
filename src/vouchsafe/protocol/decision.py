"""The answer: allow, deny or error, each with its reason. Only `allow` about the digest that was asked allows.

>>> refused = Decision(word="deny", code="unsigned", message="expected a signature, found none")
>>> refused.exit_code
1
"""

from __future__ import annotations

import json
from typing import Any, Literal

from vouchsafe.errors import MalformedError, printable
from vouchsafe.image.digest import Digest
from vouchsafe.protocol import ALLOW, DENY, ERROR, LARGEST_RESPONSE, VERSION
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

Word = Literal["allow", "deny", "error"]
EXIT_CODES: dict[Word, int] = {"allow": ALLOW, "deny": DENY, "error": ERROR}
LONGEST_SENTENCE = 2_000  # characters
LONGEST_NAME = 1_024  # characters
MOST_LISTED = 64  # signers, or pieces of evidence
MOST_AGE_SECONDS = 86_400


class Decision(Record):
    """What a plugin answers. `max_age`: seconds for which the host need not ask again (0: ask each time).

    `code` is stable, `message` and `hint` are for people. `verified`: it stands on a verified signature, and not
    on a rule that accepts anything. `evidence` names the signatures by the digest of their bytes; `epoch` the
    policy that was judged by. `source` is ours alone: who judged.
    """

    word: Word
    code: str = ""
    message: str = ""
    hint: str = ""
    digest: Digest | None = None
    verified: bool = False
    scope: str = ""
    evidence: tuple[Digest, ...] = ()
    signers: tuple[str, ...] = ()
    through: Digest | None = None
    epoch: str = ""
    max_age: int = 0
    source: str = ""

    def _check(self) -> None:
        if self.word == "allow" and self.digest is None:
            raise MalformedError("plugin-response", "expected an allow to name a digest, got one without")

    @property
    def exit_code(self) -> int:
        """0 allow, 1 deny, 2 error."""
        return EXIT_CODES[self.word]

    @property
    def sentence(self) -> str:
        """One line for people."""
        said = self.message or self.word
        return f"{said} [{self.code}]" if self.code else said

    def document(self, identifier: str, *, name: str, version: str) -> bytes:
        """As a plugin answers it: one line, whose end says that nothing is missing."""
        said: dict[str, Any] = {
            "policyPlugin": VERSION,
            "id": identifier,
            "plugin": {"name": name, "version": version},
            "decision": self.word,
            "reason": {
                "code": self.code,
                "message": printable(self.message, LONGEST_SENTENCE),
                "hint": self.hint,
            },
            "verified": self.verified,
            "maxAgeSeconds": self.max_age,
        }
        if self.digest is not None:
            said["digest"] = str(self.digest)
        if self.through is not None:
            said["through"] = str(self.through)
        if self.scope:
            said["scope"] = self.scope
        if self.epoch:
            said["policyEpoch"] = self.epoch
        if self.evidence:
            said["evidence"] = [str(each) for each in self.evidence[:MOST_LISTED]]
        if self.signers:
            said["signers"] = [printable(each, LONGEST_NAME) for each in self.signers[:MOST_LISTED]]
        return json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


class Answered(Record):
    """A response as a host reads it: which question it is to, by whom, and what it says."""

    id: str
    plugin: str
    decision: Decision


def parse(blob: bytes) -> Answered:
    """Read a response to a `judge`. MalformedError."""
    fields = Fields.parse(blob, what="response", largest=LARGEST_RESPONSE)
    if fields.integer("policyPlugin") != VERSION:
        raise MalformedError("plugin-version", f"expected a response of version {VERSION}, got another")
    word = next((each for each in EXIT_CODES if each == fields.text("decision")), None)
    if word is None:
        raise MalformedError(
            "plugin-response", f"expected allow, deny or error, got {fields.text('decision')[:80]!r}"
        )
    reason = (
        fields.fields("reason") if "reason" in fields or word != "allow" else Fields({}, "response.reason")
    )
    plugin = fields.fields("plugin")
    return Answered(
        id=fields.text("id"),
        plugin=f"{plugin.text('name')} {plugin.text('version', '')}".strip(),
        decision=Decision(
            word=word,
            code=reason.text("code", "" if word == "allow" else None),
            message=reason.text("message", "" if word == "allow" else None),
            hint=reason.text("hint", ""),
            digest=Digest.parse(fields.text("digest")) if "digest" in fields else None,
            verified=fields.boolean("verified", default=False),
            scope=fields.text("scope", ""),
            evidence=tuple(Digest.parse(each) for each in fields.words("evidence", MOST_LISTED, ())),
            signers=fields.words("signers", MOST_LISTED, ()),
            through=Digest.parse(fields.text("through")) if "through" in fields else None,
            epoch=fields.text("policyEpoch", ""),
            max_age=min(fields.integer("maxAgeSeconds", 0), MOST_AGE_SECONDS),
        ),
    )
