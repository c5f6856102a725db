"""What stood on the host before vouchsafe changed it: what `disable` puts back, to the letter."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from vouchsafe.errors import HostError, MalformedError
from vouchsafe.host.places import ORIGINALS
from vouchsafe.host.state import VERSION, State, kept
from vouchsafe.machine import HostFiles
from vouchsafe.strictjson import Fields

_LARGEST = 32 * 1024 * 1024  # bytes: a few files in base64
_MOST = 1000


def write(originals: Mapping[str, State]) -> bytes:
    """The file, for root alone."""
    return (json.dumps({"schemaVersion": VERSION, "files": as_json(originals)}, indent=2) + "\n").encode()


def as_json(originals: Mapping[str, State]) -> list[dict[str, object]]:
    """What stands at each path, contents and all."""
    return [
        {
            "path": path,
            "kind": state.kind,
            "content": base64.b64encode(state.content).decode(),
            "mode": state.mode,
            "owner": list(state.owner) if state.owner else [],
            "target": state.target,
        }
        for path, state in originals.items()
    ]


def read(files: HostFiles) -> dict[str, State] | None:
    """By path; None when nothing was changed. HostError."""
    blob = files.read(ORIGINALS, largest=_LARGEST)
    if blob is None:
        return None
    try:
        return states(kept(blob, what=ORIGINALS, largest=_LARGEST), "files")
    except MalformedError as error:
        raise HostError("host-originals", error.message) from error


def states(fields: Fields, key: str) -> dict[str, State]:
    """What `as_json` said, by path. MalformedError."""
    return {each.text("path"): _state(each) for each in fields.objects(key, _MOST)}


def _state(fields: Fields) -> State:
    owner = [each for each in fields.items("owner", 2) if isinstance(each, int)]
    return State(
        kind=fields.text("kind"),
        content=fields.data("content"),
        mode=fields.integer("mode"),
        owner=(owner[0], owner[1]) if len(owner) == 2 else None,
        target=fields.text("target"),
    )
