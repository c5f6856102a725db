"""Is this an SBOM, and of this image? What a tool wrote is looked at before anybody signs it.

Two formats in versions that readers know, the parts that these versions demand, and the digest: syft, asked for an
index, describes one platform of it under the index's digest, and nobody would notice later.
Sources: CycloneDX JSON schemas 1.2 to 1.7, SPDX 2.2 and 2.3, pkg:oci of the package URL types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import unquote

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.signing.predicate import MOST_VALUES
from vouchsafe.strictjson import Fields

Form = Literal["cyclonedx-json", "spdx-json"]
FORMS: tuple[Form, ...] = ("cyclonedx-json", "spdx-json")
LARGEST = 128 * 1024 * 1024  # bytes; an image of a whole desktop has thirty million
MOST_PARTS = 1_000_000  # components, packages or relationships
CYCLONEDX_VERSIONS = frozenset(("1.2", "1.3", "1.4", "1.5", "1.6", "1.7"))
SPDX_VERSIONS = frozenset(("SPDX-2.2", "SPDX-2.3"))
SHOWN = 3  # digests in a message
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_REPO_DIGEST = "aquasecurity:trivy:RepoDigest"
_ATTESTED_AS: dict[Form, str] = {"cyclonedx-json": "cyclonedx", "spdx-json": "spdxjson"}


class Sbom(Record):
    """A document that was looked at. `names_image`: whether it says by itself which image it is of."""

    form: Form
    version: str
    parts: int
    names_image: bool

    @property
    def kind(self) -> str:
        """What `vouchsafe attest --type` calls it."""
        return _ATTESTED_AS[self.form]

    @property
    def words(self) -> str:
        """CycloneDX 1.6 with 89 components."""
        name = "CycloneDX" if self.form == "cyclonedx-json" else "SPDX"
        parts = "components" if self.form == "cyclonedx-json" else "packages"
        return f"{name} {self.version.removeprefix('SPDX-')} with {self.parts} {parts}"


def check(blob: bytes, form: Form, image: Digest) -> Sbom:
    """What a tool wrote about `image`. MalformedError: not that format, not that version, or of another image."""
    fields = Fields.parse(blob, what="the SBOM", largest=LARGEST, most=MOST_VALUES)
    version, parts, named = _READERS[form](fields)
    if named and image.hex not in named:
        got = ", ".join(f"sha256:{each}" for each in sorted(named)[:SHOWN])
        raise MalformedError(
            "sbom-subject",
            f"expected an SBOM of {image}, got one of {got}",
            hint="Was the tool asked for an index, or for another tag?",
        )
    return Sbom(form=form, version=version, parts=parts, names_image=bool(named))


def _cyclonedx(fields: Fields) -> tuple[str, int, set[str]]:
    _expect("bomFormat", fields.text("bomFormat", ""), frozenset(("CycloneDX",)), "sbom-format")
    version = fields.text("specVersion", "")
    _expect("specVersion", version, CYCLONEDX_VERSIONS, "sbom-version")
    components = fields.objects("components", MOST_PARTS, ())
    for each in components:
        each.text("type")
        each.text("name")
    named: set[str] = set()
    if "metadata" in fields and "component" in fields.fields("metadata"):
        subject = fields.fields("metadata").fields("component")
        subject.text("name")
        named = _digests((subject.text("version", ""), subject.text("purl", ""), *_repo_digests(subject)))
    return version, len(components), named


def _repo_digests(subject: Fields) -> Iterator[str]:
    """Where trivy writes it. Its ImageID is the digest of the configuration, and is another one."""
    for each in subject.objects("properties", MOST_PARTS, ()):
        if each.text("name", "") == _REPO_DIGEST:
            yield each.text("value", "")


def _spdx(fields: Fields) -> tuple[str, int, set[str]]:
    version = fields.text("spdxVersion", "")
    if not version.startswith("SPDX-"):
        raise MalformedError("sbom-format", "expected spdxVersion in the SBOM, got none")
    _expect("spdxVersion", version, SPDX_VERSIONS, "sbom-version")
    _expect("SPDXID", fields.text("SPDXID", ""), frozenset(("SPDXRef-DOCUMENT",)), "sbom-format")
    for name in ("name", "dataLicense", "documentNamespace"):
        fields.text(name)
    fields.fields("creationInfo").text("created")
    packages = {each.text("SPDXID"): each for each in fields.objects("packages", MOST_PARTS, ())}
    for package in packages.values():
        package.text("name")
        package.text("downloadLocation")
    named: set[str] = set()
    for described in _described(fields):
        if described in packages:
            named |= _digests(_of_package(packages[described]))
    return version, len(packages), named


def _described(fields: Fields) -> Iterator[str]:
    """What the document is about: SPDX 2.2's list, 2.3's relationship."""
    yield from (each for each in fields.items("documentDescribes", MOST_PARTS, ()) if isinstance(each, str))
    for each in fields.objects("relationships", MOST_PARTS, ()):
        if (each.text("spdxElementId"), each.text("relationshipType")) == ("SPDXRef-DOCUMENT", "DESCRIBES"):
            yield each.text("relatedSpdxElement")


def _of_package(package: Fields) -> Iterator[str]:
    yield package.text("versionInfo", "")
    for each in package.objects("externalRefs", MOST_PARTS, ()):
        yield each.text("referenceLocator", "")
    for each in package.objects("checksums", MOST_PARTS, ()):
        if each.text("algorithm", "") == "SHA256":
            yield f"sha256:{each.text('checksumValue', '').lower()}"


def _digests(texts: Iterator[str] | tuple[str, ...]) -> set[str]:
    """The digests in versions and package URLs, where the colon may be escaped."""
    return {found for text in texts for found in _DIGEST.findall(unquote(text))}


def _expect(name: str, got: str, known: frozenset[str], code: str) -> None:
    if got not in known:
        raise MalformedError(
            code,
            f"expected {name} of the SBOM to be {' or '.join(sorted(known))}, got {got!r}",
            hint="Use a version of the tool that writes one of these.",
        )


_READERS: dict[Form, Callable[[Fields], tuple[str, int, set[str]]]] = {
    "cyclonedx-json": _cyclonedx,
    "spdx-json": _spdx,
}
