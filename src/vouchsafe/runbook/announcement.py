"""What to tell the people who use a host: before, after, and when it was taken back. docs/runbooks has the same texts.

>>> print(ahead(FACTS).splitlines()[0])
Subject: <host> will refuse container images that are not signed
"""

from __future__ import annotations

from collections.abc import Mapping

# What stands for a fact that is not known, as in the docs.
FACTS = {
    name: f"<{name}>" for name in ("host", "policy", "scopes", "unjudged", "otherwise", "contact", "time")
}
_LISTED = 20  # scopes; a mail is read by a person

_AHEAD = """Subject: {host} will refuse container images that are not signed

From <date> on, podman, skopeo, buildah and bootc on {host} pull an image only if the
signature policy accepts it (policy {policy}). Images that are on the host already go on running.

Signed by their pipelines, and checked at every pull:
{scopes}
Pulled as before:
{unjudged}
Everything else: {otherwise}.

Do you pull from a registry that is not listed, or do you sign elsewhere? Tell {contact}
before that date. To see what will happen to an image:

    vouchsafe explain IMAGE
"""

_DONE = """Subject: {host} refuses container images that are not signed

Since {time} podman, skopeo, buildah and bootc on {host} pull an image only if the
signature policy accepts it (policy {policy}). Images that are on the host already go on running.

Signed by their pipelines, and checked at every pull:
{scopes}
Pulled as before:
{unjudged}
Everything else: {otherwise}.

If a pull is refused, the client's message says why, and so does

    vouchsafe explain IMAGE

"rejected" means that the image is not signed as it must be: ask whoever builds it.
"undecided" means that nobody could tell: try again, then tell {contact}.
In an emergency {contact} can let one image pass for an hour (vouchsafe break-glass).
"""

_BACK = """Subject: {host} no longer refuses container images that are not signed

Since {time} {host} pulls images as it did before the signature policy was enabled.
Nothing needs to be done. {contact} will announce the next attempt.
"""


def ahead(facts: Mapping[str, str]) -> str:
    """Some days before."""
    return _AHEAD.format(**_filled(facts))


def done(facts: Mapping[str, str]) -> str:
    """When it is in force and proven."""
    return _DONE.format(**_filled(facts))


def back(facts: Mapping[str, str]) -> str:
    """When it was taken back after it had been announced."""
    return _BACK.format(**_filled(facts))


def _filled(facts: Mapping[str, str]) -> dict[str, str]:
    known = {**FACTS, **{name: fact for name, fact in facts.items() if name in FACTS}}
    for name in ("scopes", "unjudged"):
        known[name] = _listed(known[name])
    return known


def _listed(text: str) -> str:
    lines = text.splitlines() or ["(nothing)"]
    more = [f"… and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return "\n".join(f"  {line}" for line in (*lines[:_LISTED], *more))
