"""The folder that containerd asks verifiers from: who lies in it, and who could put somebody else there.

containerd runs every entry, in the order of their names, as root. No entry is "allow": so what counts is that
ours is there, can be run, and that nobody but root can change that.
"""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.host.objection import Objection
from vouchsafe.host.ways import resolved, written_by_others
from vouchsafe.machine import HostFiles, Runner, Seen

NAME = "vouchsafe"
SHIPPED = "/usr/libexec/vouchsafe/containerd"
_ANYBODY_RUNS = 0o111
_SECONDS = 30.0
_LONGEST = 200  # characters of what it said


def objections(files: HostFiles, folder: str, most: int) -> Iterator[Objection]:
    """What speaks against a folder of which `most` entries are asked (negative: all)."""
    place, seen = resolved(files, folder) if folder.startswith("/") else (folder, Seen(kind="absent"))
    if seen.kind != "folder":
        yield Objection(
            code="containerd-bin-dir-missing",
            message=f"expected the folder of verifiers {folder}, got none: containerd then allows every pull",
            fix=_TAKE_OURS,
        )
        return
    names = files.names(place)
    if not names:
        yield Objection(
            code="containerd-bin-dir-empty",
            message=f"expected a verifier in {folder}, got none: containerd then allows every pull",
            fix=_TAKE_OURS,
        )
        return
    yield from writers(files, place)
    yield from _ours(files, place, names)
    for name in names:
        if name != NAME:
            yield from _other(files, f"{place}/{name}")
    if 0 <= most < len(names):
        yield Objection(
            code="containerd-max-verifiers",
            message=f"expected each of the {len(names)} files in {folder} to be asked, got max_verifiers = {most}:"
            " the rest is passed over without a word",
            fix="max_verifiers = -1",
        )


_TAKE_OURS = f'bin_dir = "{SHIPPED}", as `vouchsafe containerd config` prints it'


def _ours(files: HostFiles, place: str, names: tuple[str, ...]) -> Iterator[Objection]:
    path = f"{place}/{NAME}"
    if NAME not in names:
        yield Objection(
            code="containerd-verifier-missing",
            message=f"expected vouchsafe's verifier at {path}, got {', '.join(names[:3])}: nobody asks our policy",
            fix=_TAKE_OURS,
        )
        return
    real, seen = resolved(files, path)
    if seen.kind != "file" or seen.mode & _ANYBODY_RUNS != _ANYBODY_RUNS:
        yield Objection(
            code="containerd-verifier-broken",
            message=f"expected a program at {path}, got a {seen.kind} of mode {seen.mode:04o}: every pull is refused",
            fix=f"chmod 0755 {real}",
        )
        return
    yield from writers(files, real)


def _other(files: HostFiles, path: str) -> Iterator[Objection]:
    """Somebody else's verifier is asked too, and all must allow; anything that is no program ends every pull."""
    real, seen = resolved(files, path)
    if seen.kind == "file" and seen.mode & _ANYBODY_RUNS:
        yield from writers(files, real)
        yield Objection(
            code="containerd-verifier-foreign",
            message=f"expected only vouchsafe's verifier, got {path} too: containerd wants both to allow",
            fix="nothing, if you know it",
            severity="warns",
        )
        return
    yield Objection(
        code="containerd-verifier-foreign",
        message=f"expected only verifiers in the folder, got {path}, which cannot be run: every pull is refused",
        fix=f"rm {path}",
    )


def writers(files: HostFiles, path: str) -> Iterator[Objection]:
    """Whoever may write a file or a folder above it decides what containerd runs as root."""
    for each, seen in written_by_others(files, path):
        yield Objection(
            code="containerd-verifier-writable",
            message=f"expected only root to write {each}, got mode {seen.mode:04o} of user {seen.uid}",
            fix=f"chown root:root {each} && chmod go-w {each}",
        )


def tried(runner: Runner, folder: str) -> Iterator[Objection]:
    """By behaviour: a verifier that is asked nothing must refuse, in our words."""
    path = f"{folder}/{NAME}"
    ended = runner.run((path,), seconds=_SECONDS)
    said = ended.output.decode("utf-8", "replace").strip()
    if ended.status == 0 or not said.startswith("vouchsafe:"):
        said = said or ended.errors.decode("utf-8", "replace").strip() or "no word"
        yield Objection(
            code="containerd-verifier-broken",
            message=f"expected {path} to refuse when it is asked nothing, got exit {ended.status}: {said[-_LONGEST:]}",
            fix="reinstall it",
        )
