"""Who else could decide what stands at a path: whoever may write it, or a folder that leads there.

Links are followed one by one, as the kernel does: what counts is where a path ends, and every folder that was
walked through on the way.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from vouchsafe.machine import HostFiles, Seen

MOST_LINKS = 40  # in one path, as Linux has it
_OTHERS_MAY_WRITE = 0o022
_STICKY = 0o1000


def resolved(files: HostFiles, path: str) -> tuple[str, Seen]:
    """Where an absolute path ends, and what stands there; `other` for links without end."""
    way = _walked(files, path)
    return (path, Seen(kind="other")) if way is None else (way[0], files.look(way[0]))


def written_by_others(files: HostFiles, path: str) -> Iterator[tuple[str, Seen]]:
    """What of a path and of the folders that lead to it somebody else than root may write.

    An image may be built by somebody who is not root: then /etc's owner counts as root. In a sticky folder (/tmp)
    nobody renames what is not theirs.
    """
    owners = {0, files.look("/etc").uid}
    way = _walked(files, path)
    for place in way[1] if way is not None else ():
        seen = files.look(place)
        shared = bool(seen.mode & _STICKY) and seen.kind == "folder"
        if seen.uid not in owners or (seen.mode & _OTHERS_MAY_WRITE and not shared):
            yield place, seen


def _walked(files: HostFiles, path: str) -> tuple[str, tuple[str, ...]] | None:
    """The end of a path and all that is no link on the way to it; None when there are too many links."""
    here, links = "/", 0
    places: dict[str, None] = {}
    waiting = _words(path)
    while waiting:
        word = waiting.pop()
        if word == "..":
            here = posixpath.dirname(here)
            continue
        place = posixpath.join(here, word)
        seen = files.look(place)
        if seen.kind != "link":
            places[place] = None
            here = place
            continue
        links += 1
        if links > MOST_LINKS:
            return None
        here = "/" if seen.target.startswith("/") else here
        waiting += _words(seen.target)
    return here, tuple(places)


def _words(path: str) -> list[str]:
    """The parts of a path, the first one last."""
    return [word for word in reversed(path.split("/")) if word not in {"", "."}]
