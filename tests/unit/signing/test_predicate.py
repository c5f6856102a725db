"""What may be attested, and GitLab's provenance."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.signing import predicate, provenance
from vouchsafe.signing.predicate import read

JOB = {
    "CI_SERVER_URL": "https://gitlab.example",
    "CI_PROJECT_URL": "https://gitlab.example/group/app",
    "CI_PROJECT_ID": "7",
    "CI_COMMIT_SHA": "4f2a",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_JOB_URL": "https://gitlab.example/group/app/-/jobs/302",
    "CI_JOB_ID": "302",
    "CI_JOB_NAME": "sign",
    "CI_JOB_STARTED_AT": "2026-11-02T11:59:00Z",
    "CI_PIPELINE_ID": "9001",
    "CI_PIPELINE_SOURCE": "push",
    "CI_RUNNER_ID": "12",
    "CI_JOB_TOKEN": "glcbt-secret",
    "SIGSTORE_ID_TOKEN": "eyJ-secret",
}
COMPONENT = {
    "CI_COMPONENT_NAME": "sign",
    "CI_COMPONENT_VERSION": "5.1.0",
    "CI_COMPONENT_SHA": "9b8c",
    "CI_COMPONENT_REFERENCE": "gitlab.example/catalog/supply-chain/sign@5.1.0",
}


def written(value: Any) -> bytes:
    """As a file."""
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "kind, value",
    [
        ("cyclonedx", {"bomFormat": "CycloneDX", "specVersion": "1.6"}),
        ("spdxjson", {"spdxVersion": "SPDX-2.3"}),
        ("spdxjson", {"@graph": []}),
        ("slsaprovenance1", {"buildDefinition": {}, "runDetails": {}}),
        ("slsaprovenance", {"builder": {"id": "x"}, "buildType": "y"}),
        ("vuln", {"scanner": {}, "metadata": {}}),
        ("openvex", {"@context": "https://openvex.dev/ns/v0.2.0"}),
        ("link", {}),
        ("https://example.com/anything/v1", {"a": [1, 2.5, None]}),
    ],
)
def test_right(kind: str, value: Any) -> None:
    """Read as it is."""
    assert read(written(value), kind, source="file") == value


def test_spdx_text() -> None:
    """Tag-value is kept as one string, as cosign does."""
    assert read(b"SPDXVersion: SPDX-2.3\n", "spdx", source="file") == "SPDXVersion: SPDX-2.3\n"


@pytest.mark.parametrize(
    "kind, blob, code",
    [
        ("cyclonedx", written({"spdxVersion": "SPDX-2.3"}), "predicate-kind"),
        ("cyclonedx", written({"bomFormat": "CycloneDX", "specVersion": 1.6}), "predicate-kind"),
        ("spdxjson", written({"bomFormat": "CycloneDX"}), "predicate-kind"),
        ("spdx", written({"spdxVersion": "SPDX-2.3"}), "predicate-kind"),
        ("slsaprovenance1", written({"builder": {"id": "x"}, "buildType": "y"}), "predicate-kind"),
        ("slsaprovenance", written({"buildDefinition": {}, "runDetails": {}}), "predicate-kind"),
        ("vuln", written({}), "predicate-kind"),
        ("openvex", written({}), "predicate-kind"),
        ("link", b"<xml/>", "predicate"),
        ("link", b'{"a":1,"a":2}', "predicate"),
        ("link", written([]), "predicate"),
        ("link", b" " * 3_000_001, "predicate-too-large"),
        ("link", written({"_type": "x", "predicateType": "y", "predicate": {}}), "predicate-is-statement"),
    ],
)
def test_wrong(kind: str, blob: bytes, code: str) -> None:
    """A file of another kind, or none, or one that readers would refuse."""
    with pytest.raises(ConfigurationError) as raised:
        read(blob, kind, source="file")
    assert raised.value.code == code
    assert "file" in raised.value.message


def test_every_short_name_has_a_type() -> None:
    """cosign's names lead to cosign's URIs."""
    assert all(uri.startswith("https://") for uri in predicate.TYPES.values())
    assert predicate.TYPES["slsaprovenance1"] == provenance.PREDICATE_TYPE


def test_provenance() -> None:
    """Names source, trigger, job, builder, and no secret."""
    made = provenance.gitlab(JOB)
    assert read(written(made), "slsaprovenance1", source="job") == made
    assert made["buildDefinition"]["externalParameters"] == {
        "source": "https://gitlab.example/group/app",
        "ref": "main",
        "trigger": "push",
        "job": "sign",
    }
    assert made["buildDefinition"]["resolvedDependencies"] == [
        {"uri": "git+https://gitlab.example/group/app@main", "digest": {"gitCommit": "4f2a"}}
    ]
    assert made["runDetails"] == {
        "builder": {"id": "https://gitlab.example/-/runners/12"},
        "metadata": {
            "invocationId": "https://gitlab.example/group/app/-/jobs/302",
            "startedOn": "2026-11-02T11:59:00Z",
        },
    }
    assert "secret" not in json.dumps(made)


def test_provenance_names_the_component() -> None:
    """Its name and version, for a policy to compare; its commit as a dependency."""
    made = provenance.gitlab(JOB | COMPONENT)
    assert made["buildDefinition"]["externalParameters"]["component"] == {
        "name": "sign",
        "version": "5.1.0",
        "sha": "9b8c",
        "reference": "gitlab.example/catalog/supply-chain/sign@5.1.0",
    }
    assert made["buildDefinition"]["resolvedDependencies"][1] == {
        "name": "component",
        "uri": "gitlab.example/catalog/supply-chain/sign@5.1.0",
        "digest": {"gitCommit": "9b8c"},
    }


def test_provenance_twice_is_the_same() -> None:
    """So that a job that is run again in the same place does not attest again."""
    assert provenance.gitlab(JOB) == provenance.gitlab(dict(reversed(JOB.items())))


@pytest.mark.parametrize("name", provenance.NEEDED)
def test_no_job(name: str) -> None:
    """Outside of GitLab CI there is nothing to say."""
    with pytest.raises(ConfigurationError) as raised:
        provenance.gitlab({key: value for key, value in JOB.items() if key != name})
    assert (raised.value.code, name in raised.value.message) == ("provenance", True)


def test_without_a_runner() -> None:
    """The builder is the instance then."""
    made = provenance.gitlab({key: value for key, value in JOB.items() if key in provenance.NEEDED})
    assert made["runDetails"]["builder"] == {"id": "https://gitlab.example"}
    assert made["buildDefinition"]["externalParameters"] == {"source": "https://gitlab.example/group/app"}
