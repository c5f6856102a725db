"""Would the next `bootc upgrade` be admitted, and may it be? Asked before anything is staged.

bootc pulls through skopeo's image proxy, which decides by policy.json; this says beforehand what it will decide and
why, and looks at what it does not: an older image under the same tag, an origin that is not enforced, a
deployment that would come up open or unable to pull. Source of the format: bootc's own docs of `status --json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from vouchsafe.errors import HostError, MalformedError, Unavailable
from vouchsafe.host import containers
from vouchsafe.host.objection import Objection
from vouchsafe.host.status import ENFORCING, Status
from vouchsafe.machine import Runner
from vouchsafe.policy.scope import Policy, lookup
from vouchsafe.policy.verdict import Accepted, Verdict
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

SECONDS = 60.0
REGISTRY = "registry"  # the transport that a policy can judge before a pull
ENFORCED = "containerPolicy"
DEPLOYMENTS = "/ostree/deploy"


class Image(Record):
    """An image as bootc tracks it. `signature`: containerPolicy, insecure, an ostree remote, or nothing."""

    name: str
    transport: str
    signature: str = ""


class Deployment(Record):
    """One that can be booted. `folder`: where its files lie, empty when bootc does not say."""

    image: Image
    digest: str
    folder: str = ""


class Deployments(Record):
    """What bootc says of this host; `wanted` is what the next upgrade asks for."""

    wanted: Image | None
    booted: Deployment | None
    staged: Deployment | None = None
    rollback: Deployment | None = None


class Check(Record):
    """`verdict` of what the next upgrade asks for, `booted` of what runs now; `objections` beyond them."""

    image: str
    verdict: Verdict
    booted: Verdict | None = None
    objections: tuple[Objection, ...] = ()

    @property
    def refused(self) -> tuple[Objection, ...]:
        """Why it should not be staged although the policy accepts it."""
        return tuple(each for each in self.objections if each.severity == "refuses")


def deployments(runner: Runner) -> Deployments:
    """Ask bootc. HostError when there is none, or it says something else."""
    program = runner.find("bootc")
    if program is None:
        raise HostError("bootc-missing", "expected a bootc host, got no bootc")
    try:
        ended = runner.run((program, "status", "--json"), seconds=SECONDS)
    except Unavailable as error:
        raise HostError("bootc-status", error.message) from error
    if ended.status != 0:
        raise HostError("bootc-status", f"expected `bootc status` to succeed, got exit {ended.status}")
    return parse(ended.output)


def parse(blob: bytes) -> Deployments:
    """What `bootc status --json` printed. HostError."""
    try:
        said = Fields.parse(blob, what="bootc status")
        spec, status = said.fields("spec"), said.fields("status")
        return Deployments(
            wanted=_image(spec.fields("image")) if "image" in spec else None,
            booted=_deployment(status, "booted"),
            staged=_deployment(status, "staged"),
            rollback=_deployment(status, "rollback"),
        )
    except MalformedError as error:
        raise HostError("bootc-status", error.message) from error


def check(
    image: str,
    known: Deployments | None,
    judge: Callable[[str], Verdict],
    *,
    allow_downgrade: bool = False,
) -> Check:
    """The verdict on `image`, and on what is booted to compare with. Never raises."""
    verdict = judge(image)
    booted = known.booted if known is not None else None
    before: Verdict | None = None
    objections: list[Objection] = []
    if booted is not None and booted.digest and booted.image.transport == REGISTRY:
        name = _repository(booted.image.name)
        if str(verdict.digest or "") != booted.digest:
            before = judge(f"{name}@{booted.digest}")
            if not allow_downgrade:
                objections += _older(verdict, before, booted.digest)
    if known is not None:
        objections += _origin(known)
    return Check(image=image, verdict=verdict, booted=before, objections=tuple(objections))


def others(known: Deployments, look: Callable[[str], Status | None]) -> Iterator[Objection]:
    """How the deployments that are not booted would come up; `look` gives the status of one by its folder."""
    for which, deployment in (("staged", known.staged), ("rollback", known.rollback)):
        if deployment is None or not deployment.folder:
            continue
        found = look(deployment.folder)
        if found is not None and found.word != ENFORCING:
            why = f"{found.word}: {found.reasons[0].message}" if found.reasons else found.word
            yield Objection(
                code=f"bootc-{which}-{found.word}",
                message=f"expected the {which} deployment to come up enforcing, got {why}",
                severity="warns",
            )


def weaker(
    known: Deployments, today: Policy | None, policy_of: Callable[[str], Policy | None]
) -> Iterator[Objection]:
    """Where the deployment that comes next demands nothing of what must be signed today.

    Both as stock clients read them, by each scope that either names. That another signer is demanded is not weaker.
    """
    staged = known.staged
    theirs = policy_of(staged.folder) if staged is not None and staged.folder else None
    if today is None or theirs is None:
        return
    names = {"", *today.transports.get("docker", {}), *theirs.transports.get("docker", {})}
    lost = [
        name
        for name in sorted(names)
        if containers.is_strict(lookup(today, "docker", name).rule)
        and not containers.is_strict(lookup(theirs, "docker", name).rule)
    ]
    if lost:
        more = f", and for {len(lost) - 1} more scopes" if len(lost) > 1 else ""
        yield Objection(
            code="bootc-staged-weaker",
            message=f"expected the staged deployment to demand for {lost[0] or 'what no scope names'} what is"
            f" demanded today, got a policy that accepts anything{more}",
            fix="build the image with the policy that it shall have",
            severity="warns",
        )


def signed_at(verdict: Verdict | None) -> datetime | None:
    """The newest verified time of what made it acceptable."""
    if not isinstance(verdict, Accepted):
        return None
    return max((time.time for signature in verdict.signatures for time in signature.times), default=None)


def _older(verdict: Verdict, before: Verdict, digest: str) -> Iterator[Objection]:
    """A registry can answer a tag with anything that was ever signed, and log an old signature by a key anew."""
    if not isinstance(verdict, Accepted):
        return
    old, latest = signed_at(before), signed_at(verdict)
    proven = max((signature.made for signature in verdict.signatures if signature.made), default=None)
    new = latest if proven is None else proven
    if old is not None and new is not None and new < old:
        yield Objection(
            code="bootc-downgrade",
            message=f"expected an image signed after {old:%F %T} UTC, got one of {new:%F %T} UTC",
            fix="--allow-downgrade, if going back is what you want",
        )
    elif old is None or proven is None:
        yield Objection(
            code="bootc-age-unknown",
            message=f"expected to compare with what is booted ({digest}), got no time that proves an age",
            severity="warns",
        )


def _origin(known: Deployments) -> Iterator[Objection]:
    """What bootc itself was told when it was installed or switched."""
    wanted = known.wanted
    if wanted is not None and wanted.signature != ENFORCED:
        yield Objection(
            code="bootc-origin-open",
            message=f"expected bootc to demand a policy for {wanted.name}, got signature: {wanted.signature or 'none'}",
            fix=f"bootc switch --enforce-container-sigpolicy {wanted.name}",
            severity="warns",
        )


def _repository(name: str) -> str:
    bare = name.partition("@")[0]
    return bare[: bare.rfind(":")] if bare.rfind(":") > bare.rfind("/") else bare


def _image(said: Fields) -> Image:
    return Image(
        name=said.text("image"), transport=said.text("transport", REGISTRY), signature=_signature(said)
    )


def _signature(said: Fields) -> str:
    """A word, or `{"ostreeRemote": name}`."""
    if "signature" not in said:
        return ""
    if isinstance(said.raw("signature"), str):
        return said.text("signature")
    return f"ostreeRemote {said.fields('signature').text('ostreeRemote', '')}"


def _deployment(status: Fields, which: str) -> Deployment | None:
    if which not in status or "image" not in status.fields(which):
        return None
    entry = status.fields(which)
    image = entry.fields("image")
    folder = ""
    if "ostree" in entry:
        ostree = entry.fields("ostree")
        name = f"{ostree.text('checksum')}.{ostree.integer('deploySerial', 0)}"
        folder = f"{DEPLOYMENTS}/{ostree.text('stateroot', 'default')}/deploy/{name}"
    return Deployment(
        image=_image(image.fields("image")), digest=image.text("imageDigest", ""), folder=folder
    )
