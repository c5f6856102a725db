"""Evidence that somebody saved to a file: a bundle, or what `cosign download signature` printed.

cosign prints one JSON object a line, with the annotations of a `.sig` layer under other names and the
certificates as Go writes them (`Cert.Raw`). Source: cosign pkg/cosign/fetch.go, SignedPayload.
"""

from __future__ import annotations

import json

from vouchsafe.errors import MalformedError
from vouchsafe.evidence import bundle, legacy
from vouchsafe.evidence.types import Evidence
from vouchsafe.strictjson import Fields

MOST_SAVED = 1000  # objects in one file
_WRAPPED = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def read(blob: bytes, origin: str) -> tuple[Evidence, ...]:
    """Every piece of evidence in a file; MalformedError when one of them is none."""
    lines = [line for line in blob.splitlines() if line.strip()]
    several = len(lines) > 1 and all(line.startswith(b"{") for line in lines)
    if len(lines) > MOST_SAVED and several:
        raise MalformedError("saved-evidence", f"expected at most {MOST_SAVED} signatures, got {len(lines)}")
    documents = lines if several else [blob]
    return tuple(
        _one(document, f"{origin}, line {number}" if several else origin)
        for number, document in enumerate(documents, 1)
    )


def _one(blob: bytes, origin: str) -> Evidence:
    fields = Fields.parse(blob, what="saved evidence")
    if "mediaType" in fields:
        return bundle.parse(blob, origin)
    if "Base64Signature" not in fields:
        raise MalformedError(
            "saved-evidence",
            "expected a Sigstore bundle or what `cosign download signature` prints, got other JSON",
        )
    payload = fields.data("Payload")
    return legacy.simple_signing(payload, _annotations(fields), origin)


def _annotations(fields: Fields) -> dict[str, str]:
    """The annotations of the layer that this was."""
    found = {legacy.SIGNATURE: fields.text("Base64Signature")}
    if "Cert" in fields:
        found[legacy.CERTIFICATE] = _WRAPPED.format(fields.fields("Cert").text("Raw"))
        chain = fields.objects("Chain", bundle.MOST_CERTIFICATES, ())
        found[legacy.CHAIN] = "".join(_WRAPPED.format(each.text("Raw")) for each in chain)
    for name, annotation in (("Bundle", legacy.PROMISE), ("RFC3161Timestamp", legacy.TIMESTAMP)):
        if name in fields:
            found[annotation] = json.dumps(fields.raw(name))
    return found
