"""The tools that make SBOMs, as this host has them."""

from __future__ import annotations

from vouchsafe.adapters import surroundings
from vouchsafe.adapters.sbomtools import TOOLS, SbomTools, Tool
from vouchsafe.wiring import Host

__all__ = ["TOOLS", "SbomTools", "Tool", "tools"]


def tools(host: Host) -> SbomTools:
    """With this process's environment, as far as they need it."""
    return SbomTools(host.settings, surroundings.environment())
