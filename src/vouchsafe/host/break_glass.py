"""One digest is accepted without a signature, for a while, with a reason: when the countersigner cannot help.

What is written needs nothing of ours to work: an accept scope for the digest in policy.json, and a lookaside
that holds nothing for it, so that clients do not ask a countersigner that is down. It ends by itself, at the
latest at the next boot. docs/host.md has the two files to type by hand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from vouchsafe.errors import ConfigurationError, HostError, MalformedError
from vouchsafe.host import change, state
from vouchsafe.host.change import Edit
from vouchsafe.host.places import (
    GLASS,
    GLASS_REGISTRIES,
    LARGEST_FILE,
    LOCK,
    NO_REGISTRIES,
    POLICY,
    PUBLIC_MODE,
)
from vouchsafe.host.state import state_of
from vouchsafe.image.reference import Reference
from vouchsafe.machine import HostEdits, HostFiles
from vouchsafe.policy import applied, document
from vouchsafe.policy.window import instant
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

LONGEST = timedelta(days=7)
MOST = 100  # at once
NOTHING = "file:///run/vouchsafe/none"  # a lookaside that holds nothing
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ACCEPT = [{"type": "insecureAcceptAnything"}]


class Glass(Record):
    """`scope` is repository@digest; `replaced` what policy.json said of it before, in JSON, or nothing."""

    scope: str
    reason: str
    at: datetime
    until: datetime
    replaced: str = ""
    places: tuple[str, ...] = ()  # where its bytes are fetched as well (mirrors)


def wanted(reference: Reference, reason: str, lasting: timedelta, at: datetime) -> Glass:
    """A broken glass for one digest. ConfigurationError when it would be more or less than that."""
    if reference.repository is None or reference.digest is None or reference.digest.algorithm != "sha256":
        raise ConfigurationError(
            "break-glass", f"expected an image as NAME@sha256:DIGEST, got {reference}", hint="Tags move."
        )
    if not reason.strip():
        raise ConfigurationError("break-glass", "expected a reason, got none")
    if not timedelta(0) < lasting <= LONGEST:
        raise ConfigurationError("break-glass", f"expected at most {LONGEST.days} days, got {lasting}")
    scope = f"{reference.repository.name}@{reference.digest}"
    return Glass(scope=scope, reason=reason.strip(), at=at, until=at + lasting)


def broken(files: HostFiles) -> tuple[Glass, ...]:
    """What is broken now, by our own record. HostError."""
    blob = files.read(GLASS, largest=LARGEST_FILE)
    if blob is None:
        return ()
    try:
        listed = state.kept(blob, what=GLASS).objects("exceptions", MOST)
        return tuple(_read(each) for each in listed)
    except MalformedError as error:
        raise HostError("break-glass-record", error.message, hint=f"See {GLASS}.") from error


def break_it(glass: Glass, files: HostEdits) -> None:
    """Write it. HostError, ConfigurationError."""
    with files.only_one(LOCK):
        change.recover(files)
        change.carry_out(breaking(glass, files), files)


def breaking(glass: Glass, files: HostFiles) -> tuple[Edit, ...]:
    """What breaking it would change. HostError, ConfigurationError."""
    known = broken(files)
    if len(known) >= MOST:
        raise HostError("break-glass", f"expected at most {MOST} at once, got more")
    others = tuple(each for each in known if each.scope != glass.scope)
    policy, kept = _policy(known, (*others, glass), files)
    if kept[-1].replaced and files.look(applied.PATH).kind != "absent":
        # It would be an edit of what was applied, and the countersigner would answer nobody any more.
        raise ConfigurationError(
            "break-glass",
            f"expected a digest that the policy does not name itself, got {glass.scope}",
            hint="Say in /etc/vouchsafe/policy.json what holds for it, then `vouchsafe host enable`.",
        )
    return _edits(policy, kept, files)


def end(files: HostEdits, *, scopes: Sequence[str] | None = None) -> tuple[Glass, ...]:
    """End these, or all; what was ended. All too where nobody can read which: it must not go on for ever."""
    with files.only_one(LOCK):
        change.recover(files)
        ended, edits = ending(files, scopes=scopes)
        if edits:
            change.carry_out(edits, files)
        return ended


def ending(
    files: HostFiles, *, scopes: Sequence[str] | None = None
) -> tuple[tuple[Glass, ...], tuple[Edit, ...]]:
    """What would be ended, and what that would change. HostError, ConfigurationError."""
    try:
        known = broken(files)
    except HostError:
        known, scopes = _unrecorded(files), None
    left = () if scopes is None else tuple(each for each in known if each.scope not in scopes)
    remains = any(files.look(each).kind != "absent" for each in (GLASS, GLASS_REGISTRIES))
    needed = left != known or (not known and remains)
    edits = _edits(*_policy(known, left, files), files) if needed else ()
    return tuple(each for each in known if each not in left), edits


def over(files: HostFiles, at: datetime) -> tuple[str, ...] | None:
    """The scopes whose time is over; a clock that went back ends them too. None (all) where nobody can tell."""
    try:
        return tuple(each.scope for each in broken(files) if not each.at <= at < each.until)
    except HostError:
        return None


def _unrecorded(files: HostFiles) -> tuple[Glass, ...]:
    """What policy.json accepts by digest, where our record of it is damaged. What stood there before is lost."""
    there = document.parse(
        files.read(POLICY, largest=LARGEST_FILE) or b"", dialect="containers", source=POLICY
    )
    return tuple(Glass(scope=scope, reason="", at=_NEVER, until=_NEVER) for scope in applied.glass(there))


def _edits(policy: Edit, kept: tuple[Glass, ...], files: HostFiles) -> tuple[Edit, ...]:
    return (
        Edit(
            path=GLASS,
            before=state_of(files, GLASS),
            after=state.file(_record(kept), PUBLIC_MODE) if kept else state.ABSENT,
            when="first" if kept else "last",
        ),
        Edit(
            path=GLASS_REGISTRIES,
            before=state_of(files, GLASS_REGISTRIES),
            after=state.file(_registries(kept), PUBLIC_MODE) if kept else state.ABSENT,
            when="together",
            neutral=NO_REGISTRIES,
        ),
        policy,
    )


def _policy(
    known: tuple[Glass, ...], wanted: tuple[Glass, ...], files: HostFiles
) -> tuple[Edit, tuple[Glass, ...]]:
    """The policy with what was broken put back and what shall be broken put in."""
    before = state_of(files, POLICY)
    if before.kind == "absent":
        raise ConfigurationError("break-glass", f"expected a policy at {POLICY}, got nothing")
    document.parse(before.content, dialect="containers", source=POLICY)  # clients load it, or it is no use
    try:
        written: dict[str, Any] = json.loads(before.content)
    except ValueError as error:  # bytes that clients replace and we cannot write back
        raise HostError("break-glass", f"expected UTF-8 in {POLICY}, got: {error}") from error
    docker = written.setdefault("transports", {}).setdefault("docker", {})
    for glass in known:
        docker.pop(glass.scope, None)
        if glass.replaced:
            docker[glass.scope] = json.loads(glass.replaced)
    kept = []
    for glass in wanted:
        replaced = json.dumps(docker[glass.scope]) if glass.scope in docker else ""
        docker[glass.scope] = _ACCEPT
        kept.append(glass.replace(replaced=replaced))
    if not docker:
        del written["transports"]["docker"]
    content = (json.dumps(written, indent=2, ensure_ascii=True) + "\n").encode()
    document.parse(content, dialect="containers", source=POLICY)
    mode = before.mode if before.kind == "file" else PUBLIC_MODE
    after = state.file(content, mode).replace(owner=before.owner)
    return Edit(path=POLICY, before=before, after=after, when="together"), tuple(kept)


def _registries(wanted: tuple[Glass, ...]) -> bytes:
    section = {"lookaside": NOTHING, "use-sigstore-attachments": False}
    named = {place: section for glass in wanted for place in (glass.scope, *glass.places)}
    return (json.dumps({"docker": named}, indent=2) + "\n").encode()


def _record(wanted: tuple[Glass, ...]) -> bytes:
    listed = [
        {
            "scope": each.scope,
            "reason": each.reason,
            "at": each.at.isoformat(timespec="seconds"),
            "until": each.until.isoformat(timespec="seconds"),
            "replaced": each.replaced,
            "places": list(each.places),
        }
        for each in wanted
    ]
    return (json.dumps({"schemaVersion": state.VERSION, "exceptions": listed}, indent=2) + "\n").encode()


def _read(fields: Fields) -> Glass:
    at, until = instant(fields.text("at")), instant(fields.text("until"))
    if at is None or until is None:
        raise MalformedError("json-type", f"expected times in {fields.what}, got something else")
    return Glass(
        scope=fields.text("scope"),
        reason=fields.text("reason"),
        at=at,
        until=until,
        replaced=fields.text("replaced", ""),
        places=fields.words("places", MOST, ()),
    )
