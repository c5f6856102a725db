"""Where a cleanup policy is read from: the GitLab instance that runs it."""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.adapters import gitlab
from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.policy.cleanup import Cleanup


def of_project(
    environ: Mapping[str, str], *, uid: int, project: str, base_url: str, token_file: str
) -> Cleanup:
    """A project's cleanup policy; see `adapters.gitlab.question` for who is asked and as whom."""
    settings = Settings.of(environ, uid=uid)
    asked = gitlab.question(environ, project=project, base_url=base_url, token_file=token_file)
    return gitlab.cleanup(asked, HttpClient(proxies=settings.proxies, trust=settings.trust))
