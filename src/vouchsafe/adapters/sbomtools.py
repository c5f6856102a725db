"""Runs syft or trivy, where they are installed. Nothing is ever downloaded.

The tool gets one manifest by its digest, so that it cannot choose a platform by itself; our registry settings in
its own words; and of the environment only what it needs: an identity token must not come near it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from vouchsafe.adapters import process
from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.adapters.process import Programs
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, HostError, Unavailable
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.record import Record

TOOLS = ("syft", "trivy")  # in the order in which they are looked for
_HOMES = {"syft": "https://github.com/anchore/syft", "trivy": "https://trivy.dev"}
_FORMATS = {
    "syft": {"cyclonedx-json": "cyclonedx-json", "spdx-json": "spdx-json"},
    "trivy": {"cyclonedx-json": "cyclonedx", "spdx-json": "spdx-json"},
}
# What a tool may know; a list of what is needed, because no list of secrets is complete.
_NEEDED = frozenset(
    """
    HOME USER PATH LANG LC_ALL TMPDIR DOCKER_CONFIG REGISTRY_AUTH_FILE SSL_CERT_FILE SSL_CERT_DIR
    HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
    """.split()  # noqa: SIM905 - a list of words reads as one
)
# Settings of the tools, and what credential helpers of the large registries look for.
_NEEDED_PREFIXES = ("XDG_", "SYFT_", "TRIVY_", "AWS_", "GOOGLE_", "AZURE_")
_QUIET = {
    "NO_COLOR": "1",
    "SYFT_CHECK_FOR_APP_UPDATE": "false",
    "TRIVY_SKIP_VERSION_CHECK": "true",
    "TRIVY_DISABLE_TELEMETRY": "true",
    "TRIVY_NO_PROGRESS": "true",
}
_LONGEST_WORDS = 600  # characters of a tool's own complaint
_LARGEST_AUTH = 1024 * 1024  # bytes of an auth.json


class Tool(Record):
    """An installed program."""

    name: str
    path: str


class SbomTools:
    """Finds and runs the tools."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """`environ`: what this process was given."""
        self._settings = settings
        self._programs = Programs(settings.search_path)
        self._environment = {
            name: value
            for name, value in environ.items()
            if name in _NEEDED or name.startswith(_NEEDED_PREFIXES)
        }

    def find(self, wanted: str) -> Tool:
        """The tool by name, or with "" the first that is there. ConfigurationError when there is none."""
        for name in (wanted,) if wanted else TOOLS:
            path = self._programs.find(name)
            if path is not None:
                return Tool(name=name, path=path)
        names = wanted or " or ".join(TOOLS)
        homes = " or ".join(_HOMES[name] for name in ((wanted,) if wanted else TOOLS))
        raise ConfigurationError(
            "sbom-tool",
            f"expected {names} among the installed programs, got none",
            hint=f"Install it ({homes}); nothing is downloaded here. Or attest an SBOM that you have:"
            " vouchsafe attest --type cyclonedx --predicate FILE",
        )

    def make(
        self, tool: Tool, reference: Reference, manifest: Manifest, form: str, *, largest: int, seconds: float
    ) -> bytes:
        """The SBOM of one manifest, as the tool wrote it. Unavailable with the tool's own words."""
        with _folder() as folder:
            output = os.path.join(folder, "sbom.json")
            command = [tool.path, *self._command(tool, reference, manifest, form, folder, output)]
            ended = self._programs.run(command, seconds=seconds, environment=self._told(folder))
            if ended.status != 0:
                words = ended.errors.decode("utf-8", "replace").strip()[-_LONGEST_WORDS:]
                raise Unavailable(
                    "sbom-tool-failed",
                    f"expected {tool.name} to describe {reference}, got exit status {ended.status}",
                    hint=f"{tool.name} says: {words}" if words else "",
                )
            try:
                return read_regular(output, largest=largest, error=Unavailable)
            except Missing as error:
                raise Unavailable(
                    "sbom-tool-failed", f"expected {tool.name} to write an SBOM, got none"
                ) from error

    def _command(
        self, tool: Tool, reference: Reference, manifest: Manifest, form: str, folder: str, output: str
    ) -> list[str]:
        written = _FORMATS[tool.name][form]
        by_digest = f"{reference.repository}@{manifest.digest}"
        if tool.name == "syft":
            if reference.repository is not None:
                return ["scan", f"registry:{by_digest}", "--output", f"{written}={output}"]
            named = [
                "--source-name",
                os.path.basename(reference.path or ""),
                "--source-version",
                str(manifest.digest),
            ]
            return [
                "scan",
                f"oci-dir:{_view(folder, reference, manifest)}",
                "--output",
                f"{written}={output}",
                *named,
            ]
        insecure = ["--insecure"] if self._settings.tls_verify is False else []
        what = (
            [by_digest]
            if reference.repository is not None
            else ["--input", _view(folder, reference, manifest)]
        )
        return ["image", "--quiet", *insecure, "--format", written, "--output", output, *what]

    def _told(self, folder: str) -> dict[str, str]:
        """The environment: ours as far as it is needed, and our registry settings."""
        told = {**self._environment, **_QUIET}
        settings = self._settings
        if settings.tls_verify is False:
            told |= {
                "SYFT_REGISTRY_INSECURE_USE_HTTP": "true",
                "SYFT_REGISTRY_INSECURE_SKIP_TLS_VERIFY": "true",
            }
        if settings.cert_dir:
            told["SYFT_REGISTRY_CA_CERT"] = settings.cert_dir
        if settings.authfile:  # an auth.json is a Docker config.json, which both tools look for first
            content = read_regular(settings.authfile, largest=_LARGEST_AUTH)
            handle = os.open(os.path.join(folder, "config.json"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            told["DOCKER_CONFIG"] = folder
        return told


@contextmanager
def _folder() -> Iterator[str]:
    """For this one run, readable by us alone: credentials may be in it."""
    try:
        with process.folder("sbom-") as made:
            yield made
    except OSError as error:
        raise HostError("sbom-folder", f"expected to write temporary files, got: {error.strerror}") from error


def _view(folder: str, reference: Reference, manifest: Manifest) -> str:
    """A layout with this one image in it, and the blobs of the real one: the tools take no layout of several."""
    if reference.transport != "oci" or reference.path is None:
        raise ConfigurationError(
            "sbom-transport",
            f"expected an image in a registry or an OCI layout, got {reference}",
            hint="Copy it with skopeo to an OCI layout first.",
        )
    view = os.path.join(folder, "layout")
    entry = {"mediaType": manifest.media_type, "digest": str(manifest.digest), "size": len(manifest.raw)}
    try:
        os.mkdir(view)
        os.symlink(os.path.join(os.path.abspath(reference.path), "blobs"), os.path.join(view, "blobs"))
        for name, content in (
            ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
            ("index.json", {"schemaVersion": 2, "manifests": [entry]}),
        ):
            with open(os.path.join(view, name), "w", encoding="utf-8") as file:
                json.dump(content, file)
    except OSError as error:
        raise HostError("sbom-folder", f"expected to write below {folder}, got: {error.strerror}") from error
    return view
