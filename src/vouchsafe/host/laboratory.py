"""The laboratory of this process: a registry with images to pull and to refuse, on loopback, for minutes.

It is another process (`python -m vouchsafe.testing lab`), so that what it makes up, a Sigstore with random keys
among it, cannot be believed by anything that judges real images. What it says of itself is read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vouchsafe.errors import HostError, MalformedError
from vouchsafe.host.pullers import Tools
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

FOLDER = "/lab"  # below the scratch root
SECONDS = 30.0  # to be ready
_MOST_PULLS = 1000


class Identity(Record):
    """Whom the laboratory's Sigstore certifies."""

    issuer: str
    subject: str
    project_id: str


class Pull(Record):
    """An image, and whether the laboratory's policy allows it."""

    name: str
    reference: str
    digest: str
    allowed: bool
    why: str


class Probes(Record):
    """One image with a signature in each form, in lookasides of files; and a lookaside that says why not.

    `key`, and `ca` with `email`, check two of them. `bundled`: an image beside which only a bundle lies, by the same
    key. `fulcio` and `rekor`: the laboratory's Sigstore as PEM files, as stock clients take them; it certified a
    `person` whom `voucher` vouched for, and the main pipeline.
    """

    image: str
    bundled: str
    path: str
    lookasides: str
    key: str
    ca: str
    email: str
    fulcio: str
    rekor: str
    person: str
    voucher: str
    refusing: str
    phrase: str


class Laboratory(Record):
    """What there is."""

    registry: str
    trusted_root: str
    project: str
    elsewhere: str
    main: Identity
    other: Identity
    pulls: tuple[Pull, ...]
    probes: Probes

    def pull(self, name: str) -> Pull:
        """The case of that name."""
        return next(each for each in self.pulls if each.name == name)


@contextmanager
def laboratory(tools: Tools) -> Iterator[Laboratory]:
    """It runs while this is held. HostError, Unavailable."""
    command = tools.ours("vouchsafe.testing", "lab", f"{tools.scratch.root}{FOLDER}")
    running = tools.starter.start(command, environment=tools.environment)
    try:
        yield parse(running.line(seconds=SECONDS))
    finally:
        running.end()


def parse(line: str) -> Laboratory:
    """What it says of itself. HostError."""
    try:
        said = Fields.parse(line.encode(), what="the laboratory's description")
        return Laboratory(
            registry=said.text("registry"),
            trusted_root=said.text("trustedRoot"),
            project=said.text("project"),
            elsewhere=said.text("elsewhere"),
            main=_identity(said.fields("main")),
            other=_identity(said.fields("other")),
            pulls=tuple(_pull(each) for each in said.objects("pulls", _MOST_PULLS)),
            probes=_probes(said.fields("probe")),
        )
    except MalformedError as error:
        raise HostError("host-laboratory", error.message) from error


def _identity(said: Fields) -> Identity:
    return Identity(
        issuer=said.text("issuer"), subject=said.text("subject"), project_id=said.text("projectID")
    )


def _pull(said: Fields) -> Pull:
    return Pull(
        name=said.text("name"),
        reference=said.text("reference"),
        digest=said.text("digest"),
        allowed=said.boolean("allowed"),
        why=said.text("why"),
    )


def _probes(said: Fields) -> Probes:
    return Probes(**{name: said.text(name) for name in Probes.__annotations__})
