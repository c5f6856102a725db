"""Reads a host's policy: /etc/vouchsafe/policy.json with its drop-ins in policy.d, or one file by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import layers
from vouchsafe.policy.grammar import Dialect
from vouchsafe.policy.reading import LARGEST_POLICY
from vouchsafe.policy.scope import Policy

_SUFFIX = ".json"


def of_host(folder: str, real: Callable[[str], str] = str) -> Policy | None:
    """The policy in `folder` (its policy.json and policy.d/*.json); None when there is none at all.

    `real`: where a path leads, for the files of an image, whose links mean something else on this machine.
    """
    main = os.path.join(folder, "policy.json")
    drop_ins = _drop_ins(os.path.join(folder, "policy.d"), real)
    try:
        first = _file(main, real)
    except Missing:
        if drop_ins:
            message = f"expected {main} beside {drop_ins[0]}, got nothing"
            raise ConfigurationError("policy-missing", message) from None
        return None
    return layers.load(first, [_present(path, real) for path in drop_ins])


def of_files(paths: Sequence[str], *, dialect: Dialect = "vouchsafe") -> Policy:
    """The policy of a main file and, after it, its drop-ins. At least one path."""
    main, *drop_ins = (_present(path) for path in paths)
    return layers.load(main, drop_ins, dialect=dialect)


def _file(path: str, real: Callable[[str], str] = str) -> layers.File:
    return layers.File(source=path, blob=read_regular(real(path), largest=LARGEST_POLICY))


def _present(path: str, real: Callable[[str], str] = str) -> layers.File:
    try:
        return _file(path, real)
    except Missing as absent:
        raise ConfigurationError("file-missing", f"expected a policy at {path}, got nothing") from absent


def _drop_ins(folder: str, real: Callable[[str], str]) -> list[str]:
    """By name, as every `.d` folder is read; hidden files and other suffixes are somebody's backups."""
    try:
        names = sorted(os.listdir(real(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigurationError(
            "file-unreadable", f"expected to read {folder}, got: {error.strerror}"
        ) from error
    return [
        os.path.join(folder, name) for name in names if name.endswith(_SUFFIX) and not name.startswith(".")
    ]
