"""Accounts of this machine, by name."""

from __future__ import annotations

import pwd


def uid_of(name: str) -> int | None:
    """The account's uid; None when there is no such account."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def ids_of(name: str) -> tuple[int, int] | None:
    """The account's uid and group; None when there is no such account."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return found.pw_uid, found.pw_gid
