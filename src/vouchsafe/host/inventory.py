"""What on this host pulls or starts images past the policy, as far as its files say.

Nothing here is asked by behaviour: these programs do not read policy.json at all, or are told not to, or, like
CRI-O, pull only for a cluster that this host may not even have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vouchsafe.errors import ConfigurationError
from vouchsafe.host import containers, surroundings
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE, POLICY
from vouchsafe.host.plan import read_applied
from vouchsafe.machine import HostFiles, Runner
from vouchsafe.policy import crio as namespaces
from vouchsafe.policy import document

# Pull images and never look at policy.json.
OUT_OF_REACH = {
    "apptainer": "its own policy accepts anything",
    "buildctl": "buildkit pulls by itself",
    "buildkitd": "pulls by itself",
    "containerd": "asks only where it is told to: see `vouchsafe containerd check`",
    "crane": "a registry client, not a container engine",
    "ctr": "containerd's own client; `--local` asks nobody, whatever containerd is told",
    "docker": "has a daemon of its own",
    "dockerd": "pulls by itself",
    "flatpak": "has keys of its own",
    "importctl": "systemd's own, for disk images",
    "k3s": "brings a containerd of its own",
    "nerdctl": "containerd's client",
    "oras": "a registry client, not a container engine",
    "regctl": "a registry client, not a container engine",
    "singularity": "its own policy accepts anything",
}
UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
QUADLET_FOLDERS = ("/etc/containers/systemd", "/usr/share/containers/systemd")
# Of each user, below the home.
USER_FOLDERS = {".config/systemd/user": "unit", ".config/containers/systemd": "quadlet"}
CONTAINERS_CONF = ("/usr/share/containers/containers.conf", "/etc/containers/containers.conf")
CONF_FOLDERS = ("/etc/containers/containers.conf.d", "/etc/environment.d", "/etc/profile.d")
CRIO, CRIO_D = "/etc/crio/crio.conf", "/etc/crio/crio.conf.d"
_ENDINGS = {
    "unit": (".service", ".conf"),
    "quadlet": (".container", ".image", ".kube", ".build", ".volume", ".conf"),
}
_DEEPEST = 2  # folders below one that is searched: drop-ins
_MOST_FILES = 20_000
# Settings that make a client read another policy, or none.
_BYPASS = re.compile(
    r"CONTAINERS_POLICY_JSON|BOOTC_EXP_EXTERNAL_CONTAINER_TOOL|--insecure-policy|--signature-policy"
)
# After a refusal these run what is there already, without a word.
_LENIENT_PULL = re.compile(
    r"(?:^\s*Pull\s*=\s*|--pull[= ]|^\s*pull_policy\s*=\s*\"?|imagePullPolicy:\s*)"
    r"(newer|missing|never|IfNotPresent|Never)\b",
    re.MULTILINE,
)
_QUADLET_PULL = re.compile(r"^\s*Pull\s*=", re.MULTILINE)
_QUADLET_IMAGE = re.compile(r"^\s*Image\s*=\s*(\S+)", re.MULTILINE)
_CRIO_SETTING = re.compile(r"^\s*(signature_policy(?:_dir)?)\s*=\s*\"([^\"]*)\"", re.MULTILINE)


def out_of_reach(runner: Runner) -> Iterator[Objection]:
    """Programs that policy.json does not bind."""
    for name, why in OUT_OF_REACH.items():
        if runner.find(name) is not None:
            yield Objection(
                code="host-out-of-reach",
                message=f"expected only clients that obey policy.json, got {name}: {why}",
                severity="warns",
            )


def settings(files: HostFiles) -> Iterator[Objection]:
    """Units, quadlets and the environment that lead past the policy, or start what was not pulled now."""
    every = ["/etc/environment", "/etc/systemd/system.conf", *CONTAINERS_CONF, CRIO]
    for folder in (*CONF_FOLDERS, CRIO_D):
        every += _below(folder, files, 0)
    searched = [(path, "unit") for path in UNIT_FOLDERS] + [(path, "quadlet") for path in QUADLET_FOLDERS]
    for user in surroundings.users(files):
        if user.home != "/":
            searched += [(f"{user.home.rstrip('/')}/{name}", kind) for name, kind in USER_FOLDERS.items()]
    for folder, kind in searched:
        every += [path for path in _below(folder, files, _DEEPEST) if path.endswith(_ENDINGS[kind])]
    for path in list(dict.fromkeys(every))[:_MOST_FILES]:
        yield from _in_file(path, _without_comments(_text(path, files)))


def _in_file(path: str, text: str) -> Iterator[Objection]:
    if found := _BYPASS.search(text):
        yield Objection(
            code="host-bypassed",
            message=f"expected clients to read the system's policy, got {found[0]} in {path}",
            fix=f"remove it from {path}",
            severity="warns",
        )
    if found := _LENIENT_PULL.search(text):
        yield _lenient(path, f"pull policy {found[1]}")
    elif path.endswith(".container") and not _QUADLET_PULL.search(text):
        image = _QUADLET_IMAGE.search(text)
        if image is not None and "@" not in image[1] and not image[1].endswith((".image", ".build")):
            yield _lenient(path, f"podman's own pull policy, missing, for {image[1]}")


def _lenient(path: str, got: str) -> Objection:
    return Objection(
        code="host-pull-lenient",
        message=f"expected a refused image not to run, got {got} in {path}:"
        " what is in storage already is run instead",
        fix="Pull=always, or an image by digest",
        severity="warns",
    )


def crio(runner: Runner, files: HostFiles) -> Iterator[Objection]:
    """CRI-O pulls for a kubelet only, so its settings are read in place of asking it."""
    if runner.find("crio") is None and files.look(CRIO).kind == "absent":
        return
    yield Objection(
        code="host-not-probed",
        message="expected every client to be asked by letting it pull, got CRI-O, which pulls for a kubelet alone",
        fix="`vouchsafe host smoke` proves what it has in common with skopeo: the library that judges",
        severity="warns",
    )
    said: dict[str, str] = {}
    for path in (CRIO, *_below(CRIO_D, files, 0)):  # in the order of reading: the last one wins
        said |= dict(_CRIO_SETTING.findall(_without_comments(_text(path, files))))
    policy = said.get("signature_policy", "")
    if policy and policy != POLICY:
        yield Objection(
            code="host-outranked",
            message=f"expected CRI-O to be ruled by {POLICY}, got signature_policy {policy}",
            fix=f"remove signature_policy from {CRIO}",
            severity="warns",
        )
    folder = said.get("signature_policy_dir") or namespaces.FOLDER
    for name in files.names(folder):
        if name.endswith(".json"):
            yield _of_namespace(f"{folder}/{name}", name.removesuffix(".json"), files)


def _of_namespace(path: str, namespace: str, files: HostFiles) -> Objection:
    """A policy that stands before the host's for the pods of a namespace: somebody's, or one of ours."""
    try:
        record = read_applied(files)
    except ConfigurationError:
        record = None  # `status` says it
    content, in_force = (files.read(each, largest=LARGEST_FILE) or b"" for each in (path, POLICY))
    match "foreign" if record is None else namespaces.standing(content, in_force, record.host):
        case "current":
            message = f"pods of {namespace} are ruled by {path}, which vouchsafe wrote from what is in force"
            return Objection(code="host-namespace", message=message, severity="warns")
        case "old":
            return Objection(
                code="host-namespace-old",
                message=f"expected {path} to say what {POLICY} says now, got keys of another policy:"
                f" pods of {namespace} get nothing",
                fix=f"vouchsafe policy crio {namespace} --write, with the --scope of then",
                severity="warns",
            )
        case _:
            return Objection(
                code="host-outranked",
                message=f"expected CRI-O to be ruled by {POLICY}, got {path} for pods of {namespace}",
                fix="`vouchsafe policy crio` writes such a policy from what is in force",
                severity="warns",
            )


def shadows(files: HostFiles) -> Iterator[Objection]:
    """What stands before `default` in policy.json, so that `default` says less than it seems to."""
    blob = files.read(POLICY, largest=LARGEST_FILE)
    if blob is None:
        return
    try:
        policy = document.parse(blob, dialect="containers", source=POLICY)
    except ConfigurationError:
        return  # `status` says it
    for scope, rule in policy.transports.get("docker", {}).items():
        if scope and not scope.startswith("*."):
            continue
        what = "signed images" if containers.is_strict(rule) else "anything"
        where = f"images of {scope}" if scope else "every image of a registry"
        yield Objection(
            code="host-default-shadowed",
            message=f'expected `default` to rule what no scope names, got transports.docker["{scope}"] for {where},'
            f" which accepts {what}",
            severity="warns",
        )


def _text(path: str, files: HostFiles) -> str:
    return (files.read(path, largest=LARGEST_FILE) or b"").decode("utf-8", "replace")


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", ";")))


def _below(folder: str, files: HostFiles, deepest: int) -> Iterator[str]:
    for name in files.names(folder):
        path = f"{folder}/{name}"
        if files.look(path).kind == "folder":
            if deepest:
                yield from _below(path, files, deepest - 1)
        elif files.look(path).kind == "file":
            yield path
