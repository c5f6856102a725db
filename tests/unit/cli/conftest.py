"""Fixtures of the command line's tests."""

from __future__ import annotations

from tests.cli_lab import lab, plain_terminal

__all__ = ["lab", "plain_terminal"]
