"""A real containerd on loopback, with root, state and sockets of its own: pulled from as `ctr` and a kubelet do.

CRI's messages are written by hand: PullImageRequest.image is field 1, ImageSpec.image is field 1, and
PullImageResponse.image_ref is field 1.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

import grpc

from vouchsafe.host.containerd import dropin

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "deploy/containerd/image-verifier/vouchsafe"
PULL_IMAGE = "/runtime.v1.ImageService/PullImage"
SECONDS = 120.0  # generous: a start and a pull take less than one, but not on a machine with forty processes
# Nothing of whoever runs the tests: containerd hands its environment on.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

# What keeps it to itself and makes it work without overlayfs, CNI and NRI; nothing that is guarded.
_PRIVATE = """version = 3
root = "{folder}/root"
state = "{folder}/state"
imports = ["{folder}/conf.d/*.toml"]

[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
[plugins."io.containerd.cri.v1.runtime".cni]
  conf_dir = "{folder}/cni"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux/amd64"
  snapshotter = "native"
"""


class Pulled(NamedTuple):
    """Whether it was pulled, and what was said."""

    ok: bool
    said: str


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of protobuf; short ones only."""
    assert number < 16
    length, prefix = len(content), b""
    while length > 0x7F:
        prefix += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + prefix + bytes([length]) + content


class Containerd:
    """`folder/bin` is its bin_dir. Starts when entered, and leaves no mount and no process behind."""

    def __init__(self, folder: Path, program: Path, *, shipped: bool = True, more: str = "") -> None:
        """`shipped`: configured by the file that we ship. `more`: a further file, read last."""
        self.folder = folder
        self.program = program
        self.bin_dir = folder / "bin"
        self.main = folder / "config.toml"
        for name in ("bin", "conf.d"):
            (folder / name).mkdir(parents=True)
        self.main.write_text(_PRIVATE.format(folder=folder))
        if shipped:
            (folder / "conf.d/50-vouchsafe.toml").write_text(dropin.text(str(self.bin_dir)))
        if more:
            (folder / "conf.d/90-more.toml").write_text(f"version = 3\n{more}\n")

    def __enter__(self) -> Self:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self.program, "--config", self.main], stdout=log, stderr=log, env=ENVIRONMENT, cwd="/"
            )
        ends = time.monotonic() + SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends:
                self.__exit__()
                raise AssertionError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        left = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((each for each in left if each.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as end:
            return end.connect_ex(f"{self.folder}/containerd.sock") == 0

    def verifier(self, script: str, name: str = "vouchsafe", mode: int = 0o755) -> Path:
        """A program in its bin_dir, in place of what is there under that name."""
        path = self.bin_dir / name
        part = self.folder / "verifier.part"
        part.write_text(script)
        part.chmod(mode)
        part.replace(path)
        return path

    def ask_vouchsafe(self, root: Path) -> None:
        """The program that we ship, for a host below `root`. Only the interpreter that it starts differs."""
        command = self.folder / "python"
        command.write_text(verifier_of(root))
        command.chmod(0o755)
        shipped = SHIPPED.read_text()
        assert shipped.count("python=/usr/bin/python3\n") == 1
        self.verifier(shipped.replace("python=/usr/bin/python3\n", f"python={command}\n"))

    def ctr(self, *words: object) -> Pulled:
        """containerd's own client."""
        done = subprocess.run(
            [self.program.parent / "ctr", "--address", f"{self.folder}/containerd.sock", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            env=ENVIRONMENT,
        )
        return Pulled(done.returncode == 0, done.stdout + done.stderr)

    def transfer(self, image: str, *options: str) -> Pulled:
        """Through the transfer service."""
        return self.ctr("images", "pull", "--snapshotter", "native", *options, image)

    def cri(self, image: str) -> Pulled:
        """As a kubelet does."""
        with grpc.insecure_channel(f"unix:{self.folder}/containerd.sock") as channel:
            pull = channel.unary_unary(PULL_IMAGE)
            try:
                return Pulled(True, repr(pull(field(1, field(1, image.encode())), timeout=SECONDS)))
            except grpc.RpcError as error:
                return Pulled(False, str(error.details()))  # type: ignore[attr-defined,unused-ignore]


def verifier_of(root: Path, **more: object) -> str:
    """What stands in for the interpreter of the program that we ship: ours, and a host below a folder."""
    settings = "".join(f", {name}={value!r}" for name, value in more.items())
    program = "import sys; from vouchsafe.plugin.verifier import main; "
    program += f"main(sys.argv[1:], root={str(root)!r}{settings})"
    return f"""#!/bin/sh
[ "$1 $2 $3" = "-I -c from vouchsafe.plugin.verifier import main; main()" ] || exit 99
shift 3
exec {sys.executable} -I -c {shlex.quote(program)} "$@"
"""
