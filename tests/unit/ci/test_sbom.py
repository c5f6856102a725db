"""What passes for an SBOM of an image, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.ci.sbom import CYCLONEDX_VERSIONS, SPDX_VERSIONS, Form, Sbom, check
from vouchsafe.image.digest import Digest

IMAGE = Digest.of(b"image")
OTHER = Digest.of(b"other")
DROP: Any = object()


def cyclonedx(version: str = "1.6", **more: Any) -> dict[str, Any]:
    """As syft writes it."""
    subject = {"bom-ref": "1", "type": "container", "name": "registry.example/app", "version": str(IMAGE)}
    made = {
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "version": 1,
        "metadata": {"component": subject},
        "components": [{"type": "library", "name": "bash", "version": "5.2"}],
        **more,
    }
    return {name: value for name, value in made.items() if value is not DROP}


def by_trivy(**more: Any) -> dict[str, Any]:
    """As trivy names an image."""
    purl = f"pkg:oci/app@sha256%3A{IMAGE.hex}?arch=amd64&repository_url=registry.example%2Fapp"
    properties = [
        {"name": "aquasecurity:trivy:ImageID", "value": str(OTHER)},
        {"name": "aquasecurity:trivy:RepoDigest", "value": f"registry.example/app@{IMAGE}"},
    ]
    subject = {"bom-ref": purl, "type": "container", "name": "app", "purl": purl, "properties": properties}
    return cyclonedx(metadata={"component": {**subject, **more}})


def spdx(version: str = "SPDX-2.3", package: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """As syft writes it."""
    root = {
        "SPDXID": "SPDXRef-Image",
        "name": "registry.example/app",
        "downloadLocation": "NOASSERTION",
        "versionInfo": str(IMAGE),
        "checksums": [{"algorithm": "SHA256", "checksumValue": IMAGE.hex}],
        "externalRefs": [{"referenceLocator": f"pkg:oci/app@{IMAGE}?arch=amd64", "referenceType": "purl"}],
        **(package or {}),
    }
    made = {
        "spdxVersion": version,
        "SPDXID": "SPDXRef-DOCUMENT",
        "dataLicense": "CC0-1.0",
        "name": "registry.example/app",
        "documentNamespace": "https://sbom.example/1",
        "creationInfo": {"created": "2026-11-22T00:00:00Z", "creators": ["Tool: syft-1.18.1"]},
        "packages": [root, {"SPDXID": "SPDXRef-bash", "name": "bash", "downloadLocation": "NOASSERTION"}],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relatedSpdxElement": "SPDXRef-Image",
                "relationshipType": "DESCRIBES",
            }
        ],
        **more,
    }
    return {name: value for name, value in made.items() if value is not DROP}


def looked_at(document: Any, form: Form) -> Sbom:
    """Checked as an SBOM of the image."""
    return check(json.dumps(document).encode(), form, IMAGE)


@pytest.mark.parametrize("version", sorted(CYCLONEDX_VERSIONS))
def test_cyclonedx(version: str) -> None:
    """Every version in JSON."""
    found = looked_at(cyclonedx(version), "cyclonedx-json")
    assert found == Sbom(form="cyclonedx-json", version=version, parts=1, names_image=True)
    assert (found.kind, found.words) == ("cyclonedx", f"CycloneDX {version} with 1 components")


@pytest.mark.parametrize("version", sorted(SPDX_VERSIONS))
def test_spdx(version: str) -> None:
    """Both versions that are JSON."""
    found = looked_at(spdx(version), "spdx-json")
    assert found == Sbom(form="spdx-json", version=version, parts=2, names_image=True)
    assert (found.kind, found.words) == ("spdxjson", f"SPDX {version[5:]} with 2 packages")


@pytest.mark.parametrize(
    "document, form",
    [
        (by_trivy(), "cyclonedx-json"),
        (by_trivy(properties=[]), "cyclonedx-json"),
        (by_trivy(purl=""), "cyclonedx-json"),
        (spdx(relationships=[], documentDescribes=["SPDXRef-Image"]), "spdx-json"),
        (spdx(package={"versionInfo": str(OTHER)}), "spdx-json"),
        (spdx(package={"versionInfo": "", "externalRefs": []}), "spdx-json"),
        (spdx(package={"checksums": [], "externalRefs": []}), "spdx-json"),
    ],
)
def test_the_image_is_named_in_many_ways(document: Any, form: Form) -> None:
    """A version, a package URL, a checksum, trivy's property; one of them suffices."""
    assert looked_at(document, form).names_image is True


@pytest.mark.parametrize(
    "document, form",
    [
        (cyclonedx(metadata=DROP), "cyclonedx-json"),
        (cyclonedx(metadata={}), "cyclonedx-json"),
        (cyclonedx(metadata={"component": {"name": "app", "version": "v1"}}), "cyclonedx-json"),
        (spdx(relationships=DROP), "spdx-json"),
        (spdx(package={"SPDXID": "SPDXRef-Other"}), "spdx-json"),
        (spdx(package={"versionInfo": "v1", "checksums": [], "externalRefs": []}), "spdx-json"),
    ],
)
def test_one_that_names_no_image(document: Any, form: Form) -> None:
    """Is told as such: only an attestation ties it to one."""
    assert looked_at(document, form).names_image is False


@pytest.mark.parametrize(
    "document, form, expected",
    [
        (cyclonedx(bomFormat="SPDX"), "cyclonedx-json", "sbom-format"),
        (cyclonedx(bomFormat=DROP), "cyclonedx-json", "sbom-format"),
        (cyclonedx("1.8"), "cyclonedx-json", "sbom-version"),
        (cyclonedx(specVersion=DROP), "cyclonedx-json", "sbom-version"),
        (cyclonedx(components={}), "cyclonedx-json", "json-type"),
        (cyclonedx(components=[{"name": "x"}]), "cyclonedx-json", "json-type"),
        (cyclonedx(components=[{"type": "library"}]), "cyclonedx-json", "json-type"),
        (cyclonedx(metadata=[]), "cyclonedx-json", "json-type"),
        (
            cyclonedx(metadata={"component": {"version": str(OTHER), "name": "x"}}),
            "cyclonedx-json",
            "sbom-subject",
        ),
        ([], "cyclonedx-json", "json-type"),
        (spdx(), "cyclonedx-json", "sbom-format"),
        (cyclonedx(), "spdx-json", "sbom-format"),
        (spdx("SPDX-3.0"), "spdx-json", "sbom-version"),
        (spdx(SPDXID="SPDXRef-Other"), "spdx-json", "sbom-format"),
        (spdx(dataLicense=DROP), "spdx-json", "json-type"),
        (spdx(creationInfo={}), "spdx-json", "json-type"),
        (spdx(packages=[{"name": "x"}]), "spdx-json", "json-type"),
        (spdx(packages=[{"SPDXID": "x", "name": "x"}]), "spdx-json", "json-type"),
        (
            spdx(package={"versionInfo": str(OTHER), "checksums": [], "externalRefs": []}),
            "spdx-json",
            "sbom-subject",
        ),
        (
            {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []},
            "spdx-json",
            "sbom-format",
        ),
    ],
)
def test_what_is_none(document: Any, form: Form, expected: str) -> None:
    """Of another format, version or image, or without what its version demands."""
    assert code(lambda: looked_at(document, form)) == expected


def test_what_is_no_json() -> None:
    """A tool's complaint, say."""
    assert code(lambda: check(b"could not determine source", "spdx-json", IMAGE)) == "json-syntax"
