"""`vouchsafe identity from-gitlab`: ask GitLab, write the policy, say what weakens it."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.policy.gitlab_project import Project, Wanted, Written, write

LARGEST_POLICY = 4 * 1024 * 1024  # bytes


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Nothing is written unless everything is known that must be."""
    _check(arguments)
    project = wiring.gitlab_project(
        os.environ,
        uid=os.getuid(),
        project=arguments.project or "",
        base_url=arguments.base_url or "",
        token_file=arguments.token_file or "",
    )
    wanted = Wanted(
        refs=tuple(arguments.ref),
        registry=arguments.registry or "",
        trusted_root=os.path.abspath(arguments.trusted_root) if arguments.trusted_root else "",
        runner_environment=arguments.runner,
    )
    written = write(project, wanted)
    policy = written.drop_in if arguments.drop_in else written.document
    text = json.dumps(policy, indent=2) + "\n"
    if arguments.write:
        _write(arguments.write, text, force=arguments.force)
    if arguments.output == "json":
        console.document(_document(project, written, policy))
    elif arguments.write:
        console.note(f"vouchsafe: written to {arguments.write}")
    else:
        console.print(text.removesuffix("\n"))
    _note(project, written, console)
    return ACCEPTED


def _check(arguments: argparse.Namespace) -> None:
    if arguments.base_url and not arguments.base_url.startswith(("https://", "http://")):
        raise UsageError(f"expected an http or https URL as --base-url, got {arguments.base_url!r}")
    if arguments.force and not arguments.write:
        raise UsageError("expected --write beside --force, got none")


def _write(path: str, text: str, *, force: bool) -> None:
    """Replace nothing that the operator may have written by hand."""
    if os.path.lexists(path) and not force:
        there = wiring.read_file(os.path.abspath(path), largest=LARGEST_POLICY)
        if there == text.encode():
            return
        raise UsageError(
            f"expected no file at {path}, got one that differs",
            hint="Compare them, then use --force to replace it.",
        )
    wiring.write_file(os.path.abspath(path), text.encode())


def _note(project: Project, written: Written, console: Console) -> None:
    console.note(f"vouchsafe: project {printable(project.path)}, number {project.id}, {project.instance}")
    for warning in written.warnings:
        console.note(f"vouchsafe: {console.style('warning', 'warn')}: {printable(warning)}")


def _document(project: Project, written: Written, policy: dict[str, Any]) -> dict[str, Any]:
    return {
        "project": {
            "instance": project.instance,
            "id": project.id,
            "path": project.path,
            "defaultBranch": project.default_branch or None,
            "ciConfig": project.ci_config,
            "registry": project.registry or None,
            "protectedBranches": None if project.branches is None else list(project.branches),
            "protectedTags": None if project.tags is None else list(project.tags),
        },
        "policy": policy,
        "warnings": list(written.warnings),
    }
