r"""The policy of one Kubernetes namespace as CRI-O reads it: /etc/crio/policies/<namespace>.json. Pure.

Under such a policy CRI-O judges what it pulls, and once more at each start of a container, by the signatures that
it kept at the pull. Certificates that live for minutes are over by then; so it takes the form that demands a key
of each scope's own, which stands until the policy changes.

>>> namespace("team-a")
'team-a'
>>> namespace("../../etc/containers/policy")
Traceback (most recent call last):
vouchsafe.errors.MalformedError: expected the name of a Kubernetes namespace, got '../../etc/containers/policy'
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.policy.compile import Compiled, Host

FOLDER = "/etc/crio/policies"  # crio.conf(5): signature_policy_dir
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)  # RFC 1123, as Kubernetes has it
_REJECT = [{"type": "reject"}]


def namespace(untrusted_text: str) -> str:
    """The name, if it is one: it becomes part of a path. MalformedError."""
    if not _NAMESPACE.fullmatch(untrusted_text):
        raise MalformedError(
            "crio-namespace", f"expected the name of a Kubernetes namespace, got {untrusted_text!r}"
        )
    return untrusted_text


def path(name: str, folder: str = FOLDER) -> str:
    """Where CRI-O looks. MalformedError."""
    return f"{folder}/{namespace(name)}.json"


def narrowed(compiled: Compiled, host: Host, scopes: Sequence[str] = ()) -> bytes:
    """What is in force on the host, for registries only, as far as `scopes` (all: none given); else rejected.

    ConfigurationError `crio-form` where the host was enabled in another form, `crio-scope` for a scope that the
    policy does not have.
    """
    if host.form != "key":
        raise ConfigurationError(
            "crio-form",
            f"expected a host that was enabled with --form key, got {host.form}: CRI-O judges kept signatures again"
            " when a container starts, and those of this form are over by then",
            hint="vouchsafe host enable --form key",
        )
    docker: dict[str, Any] = json.loads(compiled.policy).get("transports", {}).get("docker", {})
    unknown = [scope for scope in scopes if scope not in docker]
    if unknown:
        raise ConfigurationError(
            "crio-scope",
            f"expected one of the policy's docker scopes, got {unknown[0]!r}",
            hint=f"there are: {', '.join(sorted(docker)) or 'none'}",
        )
    kept = {scope: demands for scope, demands in docker.items() if not scopes or scope in scopes}
    said = {"default": _REJECT, "transports": {"docker": kept}}
    return (json.dumps(said, indent=2, ensure_ascii=True) + "\n").encode()


def is_ours(content: bytes, host: Host) -> bool:
    """Whether a namespace's policy demands a key that we publish: then it was written by us, perhaps long ago."""
    try:
        found = json.loads(content)
        scopes = found["transports"]["docker"].values()
        paths = [each.get("keyPath", "") for demands in scopes for each in demands]
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return any(isinstance(each, str) and each.startswith(f"{host.keys}/") for each in paths)


def standing(content: bytes, in_force: bytes, host: Host) -> Literal["current", "old", "foreign"]:
    """What a namespace's policy is beside the host's: as `narrowed` writes it now, as it once did, or another.

    Of another policy's keys nothing is accepted any more. What says more than one of ours ever did is foreign.
    """
    try:
        ours, theirs = json.loads(content), json.loads(in_force)["transports"]["docker"]
        scopes: dict[str, Any] = ours["transports"].pop("docker")
        if ours != {"default": _REJECT, "transports": {}}:
            return "foreign"
        others = [demands for scope, demands in scopes.items() if theirs.get(scope) != demands]
        paths = [str(each.get("keyPath", "")) for demands in others for each in demands or [{}]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "foreign"
    if not all(path.startswith(f"{host.keys}/") for path in paths):
        return "foreign"
    return "old" if others else "current"
