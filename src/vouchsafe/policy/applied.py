"""What was put into force on a host, and whether /etc/containers still says it. Pure.

`vouchsafe host enable` writes this record; the countersigner and `status` read it, compile the policy of
today the same way and compare. The one thing that may be there beyond it is what breaks the glass: one
digest that is accepted without asking (docs/host.md), so that a hand-made exception silences nothing else.

>>> applied = Applied(
...     epoch="00ff", host=Host(ca_path="/run/vouchsafe/ca.crt", lookaside="http://127.0.0.1:843")
... )
>>> parse(write(applied)) == applied
True
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.policy import document
from vouchsafe.policy.compile import FORMS, KEYS, Compiled, Form, Host, compile_policy
from vouchsafe.policy.requirement import InsecureAcceptAnything
from vouchsafe.policy.scope import Policy, Rule
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

PATH = "/etc/vouchsafe/host/applied.json"
CONTAINERS_POLICY = "/etc/containers/policy.json"
VERSION = 1
LARGEST = 1024 * 1024  # bytes
MOST = 1000  # transports or files
NOT_APPLIED = "Apply it: `vouchsafe host plan`, then `vouchsafe host enable`."
_ONE_DIGEST = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")


class Applied(Record):
    """The policy's epoch, how it was compiled, and the SHA-256 of each file that was written."""

    epoch: str
    host: Host
    files: Mapping[str, str] = {}
    insecure_default: bool = False
    at: str = ""  # RFC 3339, for people


def write(applied: Applied) -> bytes:
    """The file."""
    said = {
        "schemaVersion": VERSION,
        "epoch": applied.epoch,
        "caPath": applied.host.ca_path,
        "lookaside": applied.host.lookaside,
        "openTransports": list(applied.host.open_transports),
        "physical": {scope: list(places) for scope, places in applied.host.physical.items()},
        "form": applied.host.form,
        "keys": applied.host.keys,
        "insecureDefault": applied.insecure_default,
        "files": dict(applied.files),
        "at": applied.at,
    }
    return (json.dumps(said, indent=2) + "\n").encode()


def parse(blob: bytes, *, source: str = PATH) -> Applied:
    """Read it back. ConfigurationError."""
    try:
        fields = Fields.parse(blob, what=source, largest=LARGEST)
        if fields.integer("schemaVersion") != VERSION:
            raise MalformedError("json-type", f"expected schemaVersion {VERSION} in {source}, got another")
        physical = fields.fields("physical")
        return Applied(
            epoch=fields.text("epoch"),
            host=Host(
                ca_path=fields.text("caPath"),
                lookaside=fields.text("lookaside"),
                open_transports=_texts(fields, "openTransports"),
                physical={scope: _texts(physical, scope) for scope in sorted(physical.keys())},
                form=_form(fields),
                keys=fields.text("keys", KEYS),
            ),
            files=fields.texts("files"),
            insecure_default=fields.boolean("insecureDefault", default=False),
            at=fields.text("at", ""),
        )
    except MalformedError as error:
        raise ConfigurationError("host-applied", error.message, hint="vouchsafe host enable") from error


def _form(fields: Fields) -> Form:
    written = fields.text("form", "pki")
    for form in FORMS:
        if form == written:
            return form
    raise MalformedError(
        "json-type", f"expected one of {', '.join(FORMS)} in {fields.what}.form, got {written!r}"
    )


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    return fields.words(key, MOST)


def in_force(policy: Policy, applied: Applied, on_disk: bytes | None, registries: bytes | None) -> Compiled:
    """What the policy compiles to, if /etc/containers says that. ConfigurationError `not-applied`.

    `on_disk`: policy.json there; `registries`: our file in its registries.d. None: absent.
    """
    compiled = compile_policy(policy, applied.host)
    differs = difference(compiled, on_disk)
    if not differs and (registries or b"") != compiled.registries:
        differs = "expected the compiled registries.d, got another"
    if differs:
        raise ConfigurationError("not-applied", f"edited, not applied: {differs}", hint=NOT_APPLIED)
    return compiled


def difference(compiled: Compiled, on_disk: bytes | None) -> str:
    """What keeps a compiled policy from being in force; empty when it is. `on_disk`: policy.json, or none."""
    if on_disk is None:
        return f"expected the compiled policy in {CONTAINERS_POLICY}, got no file"
    if on_disk == compiled.policy:
        return ""
    try:
        there = document.parse(on_disk, dialect="containers", source=CONTAINERS_POLICY)
    except ConfigurationError as error:
        return error.message
    return _difference(document.parse(compiled.policy, dialect="containers", source="compiled"), there)


def glass(policy: Policy) -> tuple[str, ...]:
    """The scopes of single digests that are accepted without a signature."""
    return tuple(
        scope
        for scope, rule in policy.transports.get("docker", {}).items()
        if _ONE_DIGEST.fullmatch(scope) and rule.requirements == (InsecureAcceptAnything(),)
    )


def _difference(meant: Policy, there: Policy) -> str:
    if meant.default.requirements != there.default.requirements:
        return f"expected the compiled `default` in {there.default.place}, got another"
    broken = set(glass(there))
    for transport in {**meant.transports, **there.transports}:
        wanted, found = meant.transports.get(transport, {}), there.transports.get(transport, {})
        for scope in {**wanted, **found}:
            if _said(wanted.get(scope)) == _said(found.get(scope)):
                continue
            if transport == "docker" and scope in broken and scope not in wanted:
                continue
            return f"expected the compiled {transport}:{scope} in {CONTAINERS_POLICY}, got another"
    return ""


def _said(rule: Rule | None) -> object:
    return None if rule is None else rule.requirements
