"""The file that makes containerd ask: what is in it, and where containerd finds it.

It says every setting that counts, also where it is containerd's default, so that a main file that says otherwise
is overruled: of several files the last one that containerd reads decides.
"""

from __future__ import annotations

import json
import posixpath

from vouchsafe.errors import HostError
from vouchsafe.host import state
from vouchsafe.host.change import Edit
from vouchsafe.host.containerd import bindir
from vouchsafe.host.containerd.guard import DOWNLOADS, SHIPPED_TIMEOUT
from vouchsafe.host.containerd.settings import IMAGES, VERIFIER
from vouchsafe.host.places import LARGEST_FILE, PUBLIC_MODE
from vouchsafe.host.state import state_of
from vouchsafe.machine import HostEdits, HostFiles

FOLDER = "/etc/containerd/conf.d"
PATH = f"{FOLDER}/50-vouchsafe.toml"
IMPORTS = f'["{FOLDER}/*.toml"]'
MAIN = f"version = 3\nimports = {IMPORTS}\n"


def text(folder: str = bindir.SHIPPED) -> str:
    """The file."""
    return f"""\
# containerd asks vouchsafe before it pulls. Checked by `vouchsafe containerd check`; restart containerd after a change.
version = 3

[plugins."{VERIFIER}"]
  # Nothing else may lie there: containerd runs every file in it, and allows everything when there is none.
  bin_dir = {json.dumps(folder, ensure_ascii=False)}
  max_verifiers = -1
  per_verifier_timeout = "{SHIPPED_TIMEOUT}"

# With any of these otherwise CRI pulls by itself and asks nobody. `registry.mirrors`, `.configs` and `.auths`
# do so too and cannot be taken back here.
[plugins."{IMAGES}"]
  use_local_image_pull = false
  max_concurrent_downloads = {DOWNLOADS}
  discard_unpacked_layers = false
  disable_snapshot_annotations = true
  image_pull_with_sync_fs = false
"""


def edits(files: HostFiles, main: str, folder: str = bindir.SHIPPED) -> tuple[Edit, ...]:
    """What is to be written: the drop-in, and a main file where containerd has none. HostError."""
    wanted = {PATH: text(folder)} | ({} if _is_there(files, main) else {main: MAIN})
    made = (
        Edit(
            path=path,
            before=state_of(files, path),
            after=state.file(content.encode(), PUBLIC_MODE),
            when="first",
        )
        for path, content in wanted.items()
    )
    return tuple(edit for edit in made if edit.before.content != edit.after.content)


def may_be_imported(files: HostFiles, main: str) -> bool:
    """Whether the main file speaks of the folder at all: where it does not, no word of ours is ever read."""
    content = files.read(main, largest=LARGEST_FILE)
    return content is None or posixpath.basename(FOLDER).encode() in content


def _is_there(files: HostFiles, path: str) -> bool:
    return files.look(path).kind != "absent"


def make(wanted: tuple[Edit, ...], files: HostEdits) -> None:
    """Write them. HostError; what was written until then is taken back."""
    done: list[Edit] = []
    try:
        for edit in wanted:
            state.put(files, edit.path, edit.after)
            done.append(edit)
    except HostError:
        undo(tuple(done), files)
        raise


def undo(wanted: tuple[Edit, ...], files: HostEdits) -> None:
    """As it was. HostError."""
    for edit in reversed(wanted):
        state.put(files, edit.path, edit.before)
