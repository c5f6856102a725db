"""Paths of images on disk as policy scopes see them: absolute, every symbolic link followed.

A scope is a path written in a policy; without this, a link or a `..` would choose which scope applies.
"""

from __future__ import annotations

import os

from vouchsafe.errors import MalformedError


def fully_explicit(path: str) -> str:
    """The real path. What does not exist stays as it was written; MalformedError for what is no path."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError) as error:  # a NUL, a name that is too long
        raise MalformedError("reference-path", f"expected a path, got {path!r}") from error
