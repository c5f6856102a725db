"""in-toto statements (v1 and v0.1), as cosign 3, cosign 2 and other signers write them."""

from __future__ import annotations

from typing import Any

from vouchsafe.image.digest import Digest
from vouchsafe.testing.canonical import compact

SIGN_V1 = "https://sigstore.dev/cosign/sign/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
SLSA_V1 = "https://slsa.dev/provenance/v1"
STATEMENT_V1 = "https://in-toto.io/Statement/v1"
STATEMENT_V01 = "https://in-toto.io/Statement/v0.1"


def subject(
    digest: Digest, *, name: str | None = None, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    """One subject: cosign 3 writes no name, but annotations."""
    made: dict[str, Any] = {} if name is None else {"name": name}
    made["digest"] = {digest.algorithm: digest.hex}
    if name is None:
        made["annotations"] = annotations or {}
    return made


def write_statement(
    *subjects: dict[str, Any],
    predicate_type: str = SIGN_V1,
    predicate: Any = None,
    statement_type: str = STATEMENT_V1,
) -> bytes:
    """The payload of a DSSE envelope; a predicate of `...` is left out, as cosign 3.0.0 to 3.0.4 did."""
    made: dict[str, Any] = {
        "_type": statement_type,
        "subject": list(subjects),
        "predicateType": predicate_type,
    }
    if predicate is not ...:
        made["predicate"] = {} if predicate is None else predicate
    return compact(made)
