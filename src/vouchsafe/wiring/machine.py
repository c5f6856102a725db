"""The machine itself: its files below a root, its programs, and its policy as it stands there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from vouchsafe import wiring
from vouchsafe.adapters import hosttree, policyfiles, surroundings
from vouchsafe.adapters.process import Programs
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import IMAGE_TYPES, Manifest
from vouchsafe.image.reference import Reference, absent
from vouchsafe.machine import HostEdits, Journal, Runner, Starter
from vouchsafe.policy.scope import Policy
from vouchsafe.ports import Registry
from vouchsafe.wiring import Host

ANSWER_SECONDS = 25.0  # it may have to start first, and gives its own answers 20
# An image that no policy names: what is answered about it says how the countersigner is.
_NOT_OURS = f"vouchsafe.invalid/status@sha256={64 * '0'}/signature-1"


def files(root: str = "/") -> HostEdits:
    """The files of this machine, or of an image that is being built."""
    return hosttree.HostTree(root)


def scratch() -> AbstractContextManager[HostEdits]:
    """A root of our own that is gone afterwards."""
    return hosttree.scratch()


def programs(host: Host) -> Runner:
    """The programs that this process would find."""
    return Programs(host.settings.search_path)


def children() -> Starter:
    """Programs that run beside us."""
    from vouchsafe.adapters.children import Children

    return Children()


def journal() -> Journal:
    """Where what happens to this host is written down."""
    from vouchsafe.adapters.systemd import Journal as SystemJournal

    return SystemJournal()


def places(host: Host, scope: str) -> tuple[str, ...]:
    """Where images of a docker scope are fetched as well (mirrors). ConfigurationError."""
    from vouchsafe.adapters.registry import conf, physical

    return physical.places(conf.load(host.settings.replace(home="")), scope)


def pause(seconds: float) -> None:
    """Wait."""
    surroundings.pause(seconds)


def python() -> str:
    """The interpreter that runs this, with the package in it."""
    return surroundings.interpreter()


def below(host: Host, root: str) -> Host:
    """The host as it is seen below another root."""
    return host.replace(settings=host.settings.below(root))


def physical(host: Host, policy: Policy) -> dict[str, tuple[str, ...]]:
    """For each docker scope that has such: where its images are fetched as well. ConfigurationError."""
    from vouchsafe.adapters.registry import conf
    from vouchsafe.adapters.registry.physical import places

    registries = conf.load(host.settings.replace(home=""))
    found = {scope: places(registries, scope) for scope in sorted(policy.transports.get("docker", {}))}
    return {scope: elsewhere for scope, elsewhere in found.items() if elsewhere}


def claims(host: Host, policy: Policy) -> Mapping[str, bool | str]:
    """Which registries of a policy say that they keep signatures themselves; see `adapters.registry.claims`."""
    from vouchsafe.adapters.http import HttpClient
    from vouchsafe.adapters.registry.claims import of_scopes

    settings = host.settings.replace(home="")
    http = HttpClient(proxies=settings.proxies, trust=settings.trust)
    try:
        return of_scopes(http, settings, sorted(policy.transports.get("docker", {})))
    finally:
        http.close()


def image_manifest(host: Host, reference: Reference) -> tuple[Manifest, Digest | None]:
    """The manifest of an image, of an index its first image's; and a manifest of evidence about it.

    Unavailable, MalformedError.
    """
    with wiring.Sources(host) as sources:
        registry = sources.for_one()
        named = registry.manifest(reference, None)
        found = named
        for entry in named.entries if named is not None else ():
            if entry.media_type in IMAGE_TYPES:
                found = registry.manifest(reference, entry.digest)
                break
        if named is None or found is None or found.is_index:
            raise absent(reference)
        return found, _evidence(registry, reference, named.digest)


def _evidence(registry: Registry, reference: Reference, digest: Digest) -> Digest | None:
    """Where cosign puts a signature, in the old way or the new."""
    old = registry.manifest(reference, f"{digest.tag_prefix}.sig")
    if old is not None:
        return old.digest
    listed = registry.referrers(reference, digest)
    if not listed:
        fallback = registry.manifest(reference, digest.tag_prefix)
        listed = fallback.entries if fallback is not None else ()
    return next((each.digest for each in listed if each.media_type in IMAGE_TYPES), None)


def show(registry: str, path: str, tag: str, manifest: bytes, media_type: str) -> None:
    """Put a manifest into a registry of our own on loopback, which asks for nothing that it names. Unavailable."""
    from vouchsafe.adapters.http import HttpClient

    http = HttpClient(retries=0)
    try:
        http.request(
            "PUT",
            f"http://{registry}/v2/{path}/manifests/{tag}",
            headers={"Content-Type": media_type},
            body=manifest,
            expect={201},
        )
    finally:
        http.close()


def countersigner_problem(lookaside: str) -> str:
    """Why the countersigner of this machine would refuse everything; empty when it would not."""
    from vouchsafe.adapters.http import HttpClient

    http = HttpClient(retries=0)
    try:
        answer = http.request("GET", f"{lookaside}/{_NOT_OURS}", seconds=ANSWER_SECONDS, expect={404, 503})
    except (Unavailable, MalformedError) as error:
        return error.message
    finally:
        http.close()
    if answer.status == 404 and answer.body.startswith(b"vouchsafe: not-ours"):
        return ""
    return answer.excerpt


def environment() -> Mapping[str, str]:
    """The variables of this process."""
    return surroundings.environment()


def policy(root: str) -> Policy | None:
    """The policy of the machine below a root; None when it has none. ConfigurationError, HostError."""
    tree = hosttree.HostTree(root or "/")
    return policyfiles.of_host(f"{tree.root}/etc/vouchsafe", tree.confined)
