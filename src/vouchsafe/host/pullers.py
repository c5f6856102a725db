"""The clients on this host that pull images, each as it is really used.

`skopeo inspect` is none of them: it does not evaluate the policy. The image proxy is what bootc and rpm-ostree
speak to. Each is told which policy to read by its own means: a flag, or a home whose files outrank /etc.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from vouchsafe.errors import Unavailable
from vouchsafe.host.clients import last_words, plain
from vouchsafe.host.places import PUBLIC_MODE
from vouchsafe.machine import HostEdits, Runner, Starter
from vouchsafe.record import Record

ETC, SHARE = "/etc/containers", "/usr/share/containers"
# In a mount namespace of its own: nothing of this machine changes, and it ends with the client.
_STAND_IN = f'''set -e
mount --bind "$1" {ETC}
if [ -n "$2" ]; then mount --bind "$2" {SHARE}; fi
shift 2
exec "$@"'''
# What containers/image says first when the policy has allowed an image (copy/single.go).
_COPYING = ("Copying blob ", "Copying config ")
SECONDS = 120.0  # of one pull; a client has no time-out of its own when a lookaside hangs


class Tools(Record):
    """What pulling needs: programs, and a folder of our own. `environment` is what they get, HOME aside."""

    runner: Runner
    starter: Starter
    scratch: HostEdits
    environment: dict[str, str]
    is_root: bool
    python: str = ""

    def ours(self, module: str, *words: str) -> tuple[str, ...]:
        """A module of ours as a program. `-P`: whoever may write into the working directory is not imported from."""
        return (self.python, "-P", "-m", module, *words)


class Rules(Record):
    """Where a client finds its policy: by flags (none when empty), or through a home; and more variables.

    `etc` and `share`: folders that stand in for /etc/containers and /usr/share/containers, for this client alone.
    `is_real`: an image of the operator's and not the laboratory's. It is reached as registries.conf says, and a pull
    ends when it has begun to copy: by then the policy has allowed it, and an image may be gigabytes.
    """

    policy: str
    registries: str
    home: str
    variables: Mapping[str, str] = {}
    etc: str = ""
    share: str = ""
    is_real: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """As skopeo takes them."""
        return ("--policy", self.policy, "--registries.d", self.registries) if self.policy else ()

    @property
    def plainly(self) -> tuple[str, ...]:
        """The laboratory's registry has no TLS."""
        return () if self.is_real else ("--tls-verify=false",)

    def seen_by(self, tools: Tools) -> dict[str, str]:
        """What a client's environment is."""
        return {**tools.environment, **self.variables, "HOME": self.home}


class Outcome(Record):
    """Whether an image was pulled, and the last that the client said."""

    pulled: bool
    said: str = ""


class Puller(Protocol):
    """A client. `name` is what people call it."""

    name: str

    def pull(self, reference: str, rules: Rules) -> Outcome:
        """Pull an image of a registry without TLS. Never raises: what does not end is not pulled."""


def present(runner: Runner) -> bool:
    """Whether there is any client at all, before anything is made for it to pull."""
    return any(runner.find(name) for name in ("skopeo", "podman"))


def found(tools: Tools) -> tuple[Puller, ...]:
    """The clients on this host."""
    skopeo, podman, buildah = (tools.runner.find(name) for name in ("skopeo", "podman", "buildah"))
    every: list[Puller] = []
    if skopeo is not None:
        every += [Skopeo(skopeo, tools), Proxy(skopeo, tools)]
    if podman is not None and tools.is_root:
        every.append(Podman(podman, tools))
    if buildah is not None and tools.is_root:
        every.append(Buildah(buildah, tools))
    return tuple(every)


def used(clients: tuple[Puller, ...], image: str, tools: Tools) -> tuple[Puller, ...]:
    """Without an image proxy that looks at no policy, where nothing on this host speaks to it (Debian 12)."""
    if any(tools.runner.find(name) for name in ("bootc", "rpm-ostree")):
        return clients
    nothing = rules(tools.scratch, "nothing", b'{"default":[{"type":"reject"}]}')
    return tuple(
        each for each in clients if not isinstance(each, Proxy) or not each.pull(image, nothing).pulled
    )


def rules(scratch: HostEdits, name: str, policy: bytes, registries: bytes = b"") -> Rules:
    """Write a policy, and registries.d if there is any, for clients to read."""
    containers = f"/rules/{name}/containers"
    scratch.put(f"{containers}/policy.json", policy, mode=PUBLIC_MODE)
    scratch.put(f"{containers}/registries.d/vouchsafe.yaml", registries, mode=PUBLIC_MODE)
    scratch.link(f"/rules/{name}/home/.config/containers", "", below=containers)
    base = f"{scratch.root}/rules/{name}"
    return Rules(
        policy=f"{base}/containers/policy.json",
        registries=f"{base}/containers/registries.d",
        home=f"{base}/home",
    )


def lookaside(registry: str, url: str) -> bytes:
    """A registries.d file that sends clients there for signatures of a registry's images."""
    section = {"lookaside": url, "use-sigstore-attachments": False}
    return json.dumps({"docker": {registry: section}}).encode()


def attachments(registry: str) -> bytes:
    """A registries.d file that lets clients read what lies beside a registry's images."""
    return json.dumps({"docker": {registry: {"use-sigstore-attachments": True}}}).encode()


class Skopeo:
    """`skopeo copy`."""

    name = "skopeo copy"

    def __init__(self, program: str, tools: Tools) -> None:
        self._program = program
        self._tools = tools
        self._pulled = 0

    def pull(self, reference: str, rules: Rules) -> Outcome:
        """See the protocol."""
        self._pulled += 1
        target = f"dir:{self._tools.scratch.root}/pulled-{self._pulled}"
        plainly = () if rules.is_real else ("--src-tls-verify=false",)
        copy = ("copy", "--remove-signatures", *plainly)
        command = (self._program, *rules.flags, *copy, f"docker://{reference}", target)
        return run(self._tools, command, rules)


class Podman:
    """`podman pull` into a storage of its own."""

    name = "podman pull"

    def __init__(self, program: str, tools: Tools) -> None:
        self._program = program
        self._tools = tools

    def pull(self, reference: str, rules: Rules) -> Outcome:
        """See the protocol. podman has no flag for registries.d: a home is what it reads."""
        base = f"{self._tools.scratch.root}/podman"
        storage = ("--root", f"{base}/root", "--runroot", f"{base}/run", "--tmpdir", f"{base}/passing")
        command = (self._program, *storage, "--storage-driver", "vfs", "pull", *rules.plainly)
        return run(self._tools, (*command, f"docker://{reference}"), rules)


class Buildah:
    """`buildah pull` into a storage of its own."""

    name = "buildah pull"

    def __init__(self, program: str, tools: Tools) -> None:
        self._program = program
        self._tools = tools

    def pull(self, reference: str, rules: Rules) -> Outcome:
        """See the protocol. By default it is content with what it has."""
        base = f"{self._tools.scratch.root}/buildah"
        storage = ("--root", f"{base}/root", "--runroot", f"{base}/run", "--storage-driver", "vfs")
        command = (self._program, *storage, "pull", "--policy", "always", *rules.plainly)
        return run(self._tools, (*command, f"docker://{reference}"), rules)


class Proxy:
    """`skopeo experimental-image-proxy`: what bootc and rpm-ostree pull through."""

    name = "image proxy (bootc)"

    def __init__(self, program: str, tools: Tools) -> None:
        self._program = program
        self._tools = tools

    def pull(self, reference: str, rules: Rules) -> Outcome:
        """See the protocol."""
        command = (self._program, *rules.flags, "experimental-image-proxy", *rules.plainly)
        environment = rules.seen_by(self._tools)
        try:
            said = self._tools.starter.open_image(
                standing_in(self._tools, command, rules),
                f"docker://{reference}",
                seconds=SECONDS,
                environment=environment,
            )
        except Unavailable as error:
            return Outcome(pulled=False, said=error.message)
        return Outcome(pulled=not said, said=said)


def run(tools: Tools, command: tuple[str, ...], rules: Rules) -> Outcome:
    """A client that pulls and ends; of a real image only until it has begun to copy."""
    if rules.is_real:
        return _begin(tools, command, rules)
    try:
        ended = tools.runner.run(
            standing_in(tools, command, rules), seconds=SECONDS, environment=rules.seen_by(tools)
        )
    except Unavailable as error:
        return Outcome(pulled=False, said=error.message)
    return Outcome(pulled=ended.status == 0, said="" if ended.status == 0 else last_words(ended))


def _begin(tools: Tools, command: tuple[str, ...], rules: Rules) -> Outcome:
    said = ""
    try:
        running = tools.starter.start(command, environment=rules.seen_by(tools), errors=True)
    except Unavailable as error:
        return Outcome(pulled=False, said=error.message)
    try:
        while not said.startswith(_COPYING):
            said = running.line(seconds=SECONDS)
    except Unavailable as error:  # it has ended, or says nothing any more
        return Outcome(pulled=False, said=plain(said) or error.message)
    finally:
        running.end()
    return Outcome(pulled=True)


def standing_in(tools: Tools, command: tuple[str, ...], rules: Rules) -> tuple[str, ...]:
    """The command among the folders that stand in for the system's; as it is when there are none. Unavailable."""
    if not rules.etc:
        return command
    unshare, shell = tools.runner.find("unshare"), tools.runner.find("sh")
    if unshare is None or shell is None:
        raise Unavailable("program", "expected unshare and sh, got none")
    return (unshare, "--mount", shell, "-c", _STAND_IN, shell, rules.etc, rules.share, *command)
