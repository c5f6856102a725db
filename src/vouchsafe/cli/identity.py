"""`vouchsafe identity`: who signed, in words, and a policy for whoever that is."""

from __future__ import annotations

import argparse

from vouchsafe.cli import options
from vouchsafe.cli.console import Console

_EXPLAIN = """examples:
  vouchsafe identity explain app.sigstore.json
        who signed, verified; every claim in words; what a safe policy would say
  vouchsafe identity explain leaf.pem
        the same of a certificate alone, which proves nothing
  vouchsafe identity explain registry.example/group/app:v1
        everybody who signed or attested this image
  cosign download signature registry.example/group/app:v1 | vouchsafe identity explain -

FILE may be a certificate (PEM or DER), a Sigstore bundle, or what `cosign download signature` prints.

exit status: 0 explained, and whatever is a signature was verified; 1 a signature did not verify, or an
image has none; 2 something could not be read; 64 usage; 78 a file cannot be used
"""
_FROM_GITLAB = """examples:
  vouchsafe identity from-gitlab group/app > policy.json
        accepts what the pipelines of the default branch sign
  vouchsafe identity from-gitlab --ref main --ref 'refs/tags/v*' --write policy.json group/app
  GITLAB_TOKEN=… vouchsafe identity from-gitlab https://gitlab.corp.example/group/app \\
        --trusted-root /etc/vouchsafe/corp-sigstore.json
  vouchsafe identity from-gitlab --drop-in --write /etc/vouchsafe/policy.d/app.json group/app
        as an addition to a host's policy
  vouchsafe identity from-gitlab
        in a CI job: a policy for the job's own project

The token is read from --token-file, GITLAB_TOKEN or CI_JOB_TOKEN, in this order, needs the scope read_api,
and is sent to the instance only. The policy goes to standard output, warnings go to standard error.

exit status: 0 written; 2 GitLab could not be asked; 64 usage; 78 no policy can be written for this project
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add `explain` and `from-gitlab`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    explain = options.add_action(
        actions, "explain", "say in words who signed, and what a safe policy would say", _EXPLAIN
    )
    explain.add_argument(
        "thing",
        metavar="FILE|IMAGE",
        type=options.given,
        help="a file, - for standard input, or an image as `verify` takes it",
    )
    options.add_value(explain, "--trusted-root", "FILE", "a private Sigstore's trusted_root.json")
    options.add_sources(explain, bundle=False)
    options.add_output(explain, "text", "json")
    gitlab = options.add_action(actions, "from-gitlab", "write a policy for a GitLab project", _FROM_GITLAB)
    _add_project(gitlab)
    _add_instance(gitlab)
    _add_file(gitlab)
    options.add_output(gitlab, "text", "json")


def _add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "project",
        metavar="PROJECT",
        nargs="?",
        type=options.given,
        help="path, number or URL (default in a CI job: its own project)",
    )
    parser.add_argument(
        "--ref",
        metavar="REF",
        action="append",
        default=[],
        type=options.given,
        help="a branch, or refs/tags/…; * stands for anything; repeat for several (default: the default branch)",
    )
    options.add_value(
        parser, "--registry", "HOST/PATH", "where the images are (default: the project's own registry)"
    )
    parser.add_argument(
        "--runner",
        choices=("any", "gitlab-hosted", "self-hosted"),
        default="any",
        help="on whose machines the job must have run (default: %(default)s)",
    )
    options.add_value(
        parser,
        "--trusted-root",
        "FILE",
        "a private Sigstore's trusted_root.json; its path is written into the policy",
    )


def _add_instance(parser: argparse.ArgumentParser) -> None:
    options.add_value(
        parser, "--base-url", "URL", "the instance (default: the CI job's, else https://gitlab.com)"
    )
    options.add_value(parser, "--token-file", "FILE", "a token to ask with")


def _add_file(parser: argparse.ArgumentParser) -> None:
    options.add_value(parser, "--write", "FILE", "write the policy there, not to standard output")
    parser.add_argument("--force", action="store_true", help="with --write: replace a file that differs")
    parser.add_argument(
        "--drop-in", action="store_true", help='without "default": for /etc/vouchsafe/policy.d'
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    if arguments.action == "explain":
        from vouchsafe.cli import identity_explain

        return identity_explain.run(arguments, console)
    from vouchsafe.cli import identity_gitlab

    return identity_gitlab.run(arguments, console)
