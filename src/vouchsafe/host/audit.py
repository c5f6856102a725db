"""Judges again what is in storage already: what was pulled before, loaded from an archive, or is refused by now.

Enforcement is about pulling; `podman run` asks nobody about what is there. So this lists it, under the names
that the policy protects, judged by the scope of the name that each image carries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from vouchsafe.errors import HostError, MalformedError, Unavailable
from vouchsafe.host.clients import last_words
from vouchsafe.image.reference import Reference
from vouchsafe.machine import Runner
from vouchsafe.policy.scope import Policy, select
from vouchsafe.policy.verdict import Verdict
from vouchsafe.record import Record

SECONDS = 120.0
# What bootc keeps logically bound images in, beside podman's own.
BOOTC_STORAGE = "/usr/lib/bootc/storage"
MOST_IMAGES = 10_000


class Kept(Record):
    """An image in storage by one of its names."""

    storage: str
    name: str
    digest: str


class Audited(Record):
    """An image, the scope that protects its name, and the verdict of today."""

    kept: Kept
    scope: str
    verdict: Verdict


Judge = Callable[[Reference, Policy], Verdict]


def kept(runner: Runner, storages: tuple[str, ...]) -> tuple[Kept, ...]:
    """What podman lists; "" is its own storage with those that it reads besides. HostError."""
    podman = runner.find("podman")
    if podman is None:
        raise HostError("audit-podman", "expected podman, which lists what is in storage, got none")
    found: list[Kept] = []
    for storage in storages:
        where = ("--root", storage) if storage else ()
        try:
            ended = runner.run((podman, *where, "images", "--format", "json"), seconds=SECONDS)
        except Unavailable as error:
            raise HostError("audit-podman", error.message) from error
        if ended.status != 0:
            raise HostError("audit-podman", f"expected podman to list images, got: {last_words(ended)}")
        found += _listed(ended.output, storage)
    return tuple(dict.fromkeys(found))


def audit(images: tuple[Kept, ...], policy: Policy, judge: Judge) -> Iterator[Audited]:
    """A verdict on each image whose name a scope protects by signatures."""
    for image in images:
        try:
            named = Reference.parse(f"docker://{image.name}")
            if named.repository is None:
                continue
            judged = Reference.parse(f"docker://{named.repository.name}@{image.digest}")
        except MalformedError:
            continue  # a name of podman's own, such as `<none>`
        selected = select(policy, named)
        if not any(each.verifies_signatures for each in selected.requirements):
            continue
        alone = policy.replace(default=selected.rule, transports={})
        yield Audited(kept=image, scope=selected.scope, verdict=judge(judged, alone))


def _listed(output: bytes, storage: str) -> Iterator[Kept]:
    try:
        listed: Any = json.loads(output or b"[]")
        for image in (listed or [])[:MOST_IMAGES]:
            for name in image.get("Names") or ():
                yield Kept(storage=storage, name=str(name), digest=str(image["Digest"]))
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        raise HostError("audit-podman", f"expected podman's list of images, got: {error}") from error
