"""SLSA provenance v1 of a GitLab job, from its CI variables, with the component that ran it.

Fulcio's certificate names the project's own configuration file and never the catalog component that it
includes. What the component says of itself stands here, signed by the same pipeline, so that a policy can ask
for "signed by component X of version Y". It is the pipeline's word: whoever may change the pipeline may change it.

Formats: slsa.dev/provenance/v1, GitLab's predefined CI/CD variables.
"""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.errors import ConfigurationError
from vouchsafe.signing.predicate import Json

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://vouchsafe.invalid/gitlab-job/v1"  # an identifier; docs/signing.md describes it
NEEDED = ("CI_SERVER_URL", "CI_PROJECT_URL", "CI_PROJECT_ID", "CI_COMMIT_SHA", "CI_JOB_URL")
# What `$[[ component.* ]]` gives a component to pass on, or what a job sets by hand.
COMPONENT = {
    "name": "CI_COMPONENT_NAME",
    "version": "CI_COMPONENT_VERSION",
    "sha": "CI_COMPONENT_SHA",
    "reference": "CI_COMPONENT_REFERENCE",
}
_EXTERNAL = {
    "source": "CI_PROJECT_URL",
    "ref": "CI_COMMIT_REF_NAME",
    "tag": "CI_COMMIT_TAG",
    "configuration": "CI_CONFIG_PATH",
    "trigger": "CI_PIPELINE_SOURCE",
    "job": "CI_JOB_NAME",
}
_INTERNAL = {
    "project": "CI_PROJECT_ID",
    "pipeline": "CI_PIPELINE_ID",
    "jobId": "CI_JOB_ID",
    "protectedRef": "CI_COMMIT_REF_PROTECTED",
    "environment": "CI_ENVIRONMENT_NAME",
    "runner": "CI_RUNNER_DESCRIPTION",
    "runnerVersion": "CI_RUNNER_VERSION",
    "executable": "CI_RUNNER_EXECUTABLE_ARCH",
}


def gitlab(variables: Mapping[str, str]) -> Json:
    """The predicate, the same however often one job asks. ConfigurationError when this is no GitLab job."""
    missing = [name for name in NEEDED if not variables.get(name)]
    if missing:
        raise ConfigurationError(
            "provenance",
            f"expected GitLab's CI variables, got none called {missing[0]}",
            hint="--provenance gitlab works inside a GitLab CI job.",
        )
    runner = variables.get("CI_RUNNER_ID", "")
    builder = f"{variables['CI_SERVER_URL']}/-/runners/{runner}" if runner else variables["CI_SERVER_URL"]
    metadata: Json = {"invocationId": variables["CI_JOB_URL"]}
    if variables.get("CI_JOB_STARTED_AT"):
        metadata["startedOn"] = variables["CI_JOB_STARTED_AT"]
    external: Json = _said(_EXTERNAL, variables)
    component = _said(COMPONENT, variables)
    if component:
        external["component"] = component
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": external,
            "internalParameters": _said(_INTERNAL, variables),
            "resolvedDependencies": _dependencies(variables, component),
        },
        "runDetails": {"builder": {"id": builder}, "metadata": metadata},
    }


def _said(names: Mapping[str, str], variables: Mapping[str, str]) -> Json:
    return {name: variables[variable] for name, variable in names.items() if variables.get(variable)}


def _dependencies(variables: Mapping[str, str], component: Json) -> list[Json]:
    """The source, and the component where its commit is known."""
    ref = variables.get("CI_COMMIT_REF_NAME", "")
    source = f"git+{variables['CI_PROJECT_URL']}" + (f"@{ref}" if ref else "")
    made: list[Json] = [{"uri": source, "digest": {"gitCommit": variables["CI_COMMIT_SHA"]}}]
    if component.get("sha"):
        name = component.get("reference") or component.get("name", "component")
        made.append({"name": "component", "uri": name, "digest": {"gitCommit": component["sha"]}})
    return made
