"""What speaks against believing that containerd asks before it pulls.

Each setting here was tried with a real containerd 2.1 (tests/e2e/test_containerd_guard.py): with it, an image that
the verifier refuses is pulled, and a line of a log is all that is seen of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vouchsafe.errors import MalformedError
from vouchsafe.host.containerd import bindir
from vouchsafe.host.containerd.settings import DEFAULT_BIN_DIR, TRANSFER, VERIFIER, Settings, Table
from vouchsafe.host.objection import Objection
from vouchsafe.image.reference import Reference
from vouchsafe.machine import HostFiles, Runner
from vouchsafe.policy.requirement import InsecureAcceptAnything, Reject
from vouchsafe.policy.scope import Policy, Selected, select

SHORTEST_SECONDS = 25.0  # of per_verifier_timeout: ours answers by itself after 20
SHIPPED_TIMEOUT = "30s"
DOWNLOADS = 3  # any other number makes CRI pull by itself
_MOST_VERIFIERS, _TIMEOUT = 10, "10s"  # containerd's own, where nothing is said
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
# What CRI may say only so, and what it is called when it says otherwise.
_FLAGS = {
    "use_local_image_pull": (False, "containerd-local-pull"),
    "discard_unpacked_layers": (False, "containerd-discards-layers"),
    "disable_snapshot_annotations": (True, "containerd-snapshot-annotations"),
    "image_pull_with_sync_fs": (False, "containerd-sync-fs"),
}
MOST_NAMED = 3  # in one sentence
_TABLES = ("mirrors", "configs", "auths")

# What pulls past the verifier on a host that has it, whatever containerd is told.
PAST_IT = {
    "ctr": "`ctr images pull --local`, `ctr content fetch` and `ctr images import` ask no verifier",
    "nerdctl": "it pulls in its own process, past the verifier",
    "buildkitd": "it pulls base images by itself, also into containerd",
    "buildctl": "buildkit pulls base images by itself",
    "dockerd": "it pulls by itself, also into containerd's store",
    "docker": "its daemon pulls by itself",
}


def objections(settings: Settings, files: HostFiles) -> Iterator[Objection]:
    """What the configuration and the folder of verifiers say. ConfigurationError."""
    yield from settings.objections
    yield from _plugins(settings)
    if settings.verifier is not None:
        yield from _verifier(settings.verifier, files)
    if settings.serves_cri:
        yield from _cri(settings)


def _plugins(settings: Settings) -> Iterator[Objection]:
    if settings.verifier is None or settings.transfer is None:
        yield Objection(
            code="containerd-too-old",
            message=f"expected a containerd with {VERIFIER}, got one that was built without",
            fix="containerd 2.1 or newer; Debian 13's is built without the verifier",
        )
    for plugin in (VERIFIER, TRANSFER):
        if plugin in settings.disabled:
            yield Objection(
                code="containerd-plugin-disabled",
                message=f"expected {plugin} to run, got it in disabled_plugins",
                fix=f"remove {plugin} from disabled_plugins",
            )


def _verifier(table: Table, files: HostFiles) -> Iterator[Objection]:
    folder = table.text("bin_dir", DEFAULT_BIN_DIR)
    yield from bindir.objections(files, folder, table.integer("max_verifiers", _MOST_VERIFIERS))
    timeout = table.text("per_verifier_timeout", _TIMEOUT)
    if seconds(timeout) < SHORTEST_SECONDS:
        yield Objection(
            code="containerd-timeout",
            message=f"expected per_verifier_timeout of {SHORTEST_SECONDS:g}s or more, got {timeout}:"
            " vouchsafe would be killed before it can say why",
            fix=f'per_verifier_timeout = "{SHIPPED_TIMEOUT}"',
        )
    if table.boolean("verify_on_run", default=False):
        yield Objection(
            code="containerd-verify-on-run",
            message="expected verify_on_run = false, got true: this version does not know that question,"
            " and every container would be refused",
            fix="verify_on_run = false",
        )


def _cri(settings: Settings) -> Iterator[Objection]:
    """What makes CRI pull in its own process, where no verifier is asked."""
    table = settings.images
    if table is None or (settings.is_complete and "use_local_image_pull" not in table.values):
        yield Objection(
            code="containerd-cri-too-old",
            message="expected a CRI that pulls through the transfer service, got one that cannot",
            fix="containerd 2.1 or newer",
        )
        return
    for key, (wanted, code) in _FLAGS.items():
        if table.boolean(key, default=wanted) is not wanted:
            yield _falls_back(code, f"{key} = {_toml(wanted)}", f"{key} = {_toml(not wanted)}")
    downloads = table.integer("max_concurrent_downloads", DOWNLOADS)
    if downloads != DOWNLOADS:
        wanted_number = f"max_concurrent_downloads = {DOWNLOADS}"
        yield _falls_back(
            "containerd-downloads",
            wanted_number,
            f"max_concurrent_downloads = {downloads}",
            fix=f"{wanted_number}; the number of the transfer service ({TRANSFER}) is free",
        )
    yield from _registry(table.table("registry"))
    yield from _unpacking(settings, table)


def _registry(table: Table) -> Iterator[Objection]:
    for key in _TABLES:
        names = sorted(table.table(key).values)
        if names:
            yield _falls_back(
                "containerd-registry-tables",
                f"no registry.{key}",
                f"registry.{key} for {', '.join(names[:MOST_NAMED])}",
                fix="write hosts.toml below registry.config_path, and credentials as pull secrets",
            )


def _toml(value: bool) -> str:
    return "true" if value else "false"


def _falls_back(code: str, wanted: str, got: str, *, fix: str = "") -> Objection:
    return Objection(
        code=code,
        message=f"expected {wanted}, got {got}: CRI then pulls by itself and asks no verifier",
        fix=fix or wanted,
    )


def _unpacking(settings: Settings, table: Table) -> Iterator[Objection]:
    """CRI's pulls go through the transfer service, which must know the snapshotter that CRI uses."""
    snapshotter = table.text("snapshotter", "overlayfs")
    transfer = settings.transfer
    if transfer is None or not snapshotter:
        return
    configured = [each.text("snapshotter") for each in transfer.tables("unpack_config")] or ["overlayfs"]
    if snapshotter not in configured:
        yield Objection(
            code="containerd-snapshotter",
            message=f"expected the transfer service to unpack for {snapshotter}, which CRI uses, got"
            f" {', '.join(configured)}: pulls through CRI fail",
            fix=f'[[plugins."{TRANSFER}".unpack_config]] with platform and snapshotter = "{snapshotter}"',
            severity="warns",
        )


def policy_objections(policy: Policy | None, settings: Settings) -> Iterator[Objection]:
    """What our policy makes of the image that every pod needs, and what it lets through."""
    if policy is None:
        yield Objection(
            code="containerd-policy-missing",
            message="expected a policy in /etc/vouchsafe/policy.json, got none: every pull is refused",
            fix="`vouchsafe identity from-gitlab PROJECT` writes one",
        )
        return
    yield from _unverified(policy)
    images = settings.images
    if images is None or not settings.serves_cri:
        return
    pause = images.table("pinned_images").text("sandbox")
    if not pause:
        return
    try:
        chosen = select(policy, Reference.parse(pause))
    except MalformedError:
        return
    if any(isinstance(each, Reject) for each in chosen.requirements) or _is_open(chosen):
        yield Objection(
            code="containerd-sandbox-refused",
            message=f"expected the policy to accept the image of every pod's sandbox, {pause}, got"
            f" {chosen.where}, which refuses it: no pod starts where it is not there already",
            fix="a scope for it in the policy, or a sandbox image that you sign",
            severity="warns",
        )


def _is_open(chosen: Selected) -> bool:
    """What accepts anything and names no registry: the verifier refuses what falls to it."""
    accepts = all(isinstance(each, InsecureAcceptAnything) for each in chosen.requirements)
    return accepts and not (chosen.transport and chosen.scope)


def _unverified(policy: Policy) -> Iterator[Objection]:
    """Scopes whose images are pulled without a signature, because the policy says so."""
    scopes = [
        scope
        for scope, rule in policy.transports.get("docker", {}).items()
        if scope and all(isinstance(each, InsecureAcceptAnything) for each in rule.requirements)
    ]
    if scopes:
        more = f" and {len(scopes) - MOST_NAMED} more" if len(scopes) > MOST_NAMED else ""
        yield Objection(
            code="containerd-unverified",
            message=f"expected signatures of every image, got scopes that accept anything:"
            f" {', '.join(sorted(scopes)[:MOST_NAMED])}{more}",
            fix="nothing, if you mean it",
            severity="warns",
        )


def past_it(runner: Runner) -> Iterator[Objection]:
    """Programs on this host that pull where no verifier is asked."""
    for name, why in PAST_IT.items():
        if runner.find(name) is not None:
            yield Objection(
                code="containerd-walked-around",
                message=f"expected only pulls that ask, got {name}: {why}",
                severity="warns",
            )


def seconds(duration: str) -> float:
    """Go's duration in seconds; -1 for what is none."""
    if duration == "0":
        return 0.0
    parts = _PART.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return -1.0
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
