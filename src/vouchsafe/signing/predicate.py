"""What may be attested: predicate types by cosign's short names, and whether a file is what it is called.

A file of the wrong kind under the right type would pass every signature check and fail whoever reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vouchsafe import strictjson
from vouchsafe.errors import ConfigurationError, MalformedError

TYPES = {  # cosign attest's names
    "cyclonedx": "https://cyclonedx.org/bom",
    "spdx": "https://spdx.dev/Document",
    "spdxjson": "https://spdx.dev/Document",
    "slsaprovenance": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "link": "https://in-toto.io/Link/v1",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
    "openvex": "https://openvex.dev/ns",
}
# Readers, ours among them, take 4 MiB of bundle, in which the statement is base64 beside its proofs.
LARGEST = 3_000_000  # bytes of one predicate
DEEPEST = 64  # nested containers; SBOMs have ten
MOST_VALUES = 16 * 1024 * 1024  # in one document; the operator's own file, so memory is theirs to spend
_AROUND = 4096  # values of the statement around a predicate, and more
_LARGE_HINT = (
    "Attest a smaller document (a CycloneDX SBOM without file entries, say). Of an SBOM the digest can be attested, "
    "and the SBOM kept beside the image: --by-reference."
)

Json = dict[str, Any]


def fits(blob: bytes) -> bool:
    """Whether readers would take it as a predicate."""
    return len(blob) <= LARGEST and strictjson.values_in(blob) <= strictjson.MOST_VALUES - _AROUND


def read(blob: bytes, kind: str, *, source: str, largest: int = LARGEST) -> object:
    """The predicate in a file, for a short name or a URI. ConfigurationError names `source`."""
    if len(blob) > largest:
        raise ConfigurationError(
            "predicate-too-large",
            f"expected a predicate of at most {largest} bytes in {source}, got {len(blob)}",
            hint=_LARGE_HINT,
        )
    if kind == "spdx":
        return _tag_value(blob, source)
    most = MOST_VALUES if largest > LARGEST else strictjson.MOST_VALUES
    try:
        predicate = strictjson.parse(blob, what=source, largest=largest, deepest=DEEPEST, most=most)
    except MalformedError as error:
        raise ConfigurationError("predicate", error.message, hint="A predicate is JSON.") from error
    if not isinstance(predicate, dict):
        raise ConfigurationError("predicate", f"expected a JSON object in {source}, got another value")
    if "predicateType" in predicate and "_type" in predicate:
        raise ConfigurationError(
            "predicate-is-statement",
            f"expected a predicate in {source}, got a whole in-toto statement",
            hint="Give what is in its `predicate`: the statement around it is made here, about this image.",
        )
    check = _CHECKS.get(kind)
    if check is not None and (wanted := check(predicate)):
        raise ConfigurationError(
            "predicate-kind", f"expected {wanted} in {source} for --type {kind}, got something else"
        )
    return predicate


def _tag_value(blob: bytes, source: str) -> str:
    """SPDX's own text format, which cosign keeps as one string."""
    text = blob.decode("utf-8", "replace")
    if "SPDXVersion:" not in text:
        raise ConfigurationError(
            "predicate-kind",
            f"expected SPDX tag-value text in {source} for --type spdx, got something else",
            hint="For SPDX in JSON use --type spdxjson.",
        )
    return text


def _cyclonedx(found: Json) -> str:
    ok = found.get("bomFormat") == "CycloneDX" and isinstance(found.get("specVersion"), str)
    return "" if ok else "a CycloneDX document (bomFormat, specVersion)"


def _spdx(found: Json) -> str:
    old = str(found.get("spdxVersion", "")).startswith("SPDX-")
    return "" if old or "@graph" in found else "an SPDX document (spdxVersion, or @graph)"


def _provenance_1(found: Json) -> str:
    parts = (found.get("buildDefinition"), found.get("runDetails"))
    ok = all(isinstance(part, dict) for part in parts)
    return "" if ok else "SLSA provenance v1 (buildDefinition, runDetails)"


def _provenance_02(found: Json) -> str:
    ok = isinstance(found.get("builder"), dict) and isinstance(found.get("buildType"), str)
    return "" if ok else "SLSA provenance v0.2 (builder, buildType)"


def _vuln(found: Json) -> str:
    ok = isinstance(found.get("scanner"), dict) and isinstance(found.get("metadata"), dict)
    return "" if ok else "a cosign vulnerability report (scanner, metadata)"


def _openvex(found: Json) -> str:
    ok = str(found.get("@context", "")).startswith("https://openvex.dev/ns")
    return "" if ok else "an OpenVEX document (@context https://openvex.dev/ns)"


_CHECKS: dict[str, Callable[[Json], str]] = {
    "cyclonedx": _cyclonedx,
    "spdxjson": _spdx,
    "slsaprovenance1": _provenance_1,
    "slsaprovenance": _provenance_02,
    "slsaprovenance02": _provenance_02,
    "vuln": _vuln,
    "openvex": _openvex,
}
