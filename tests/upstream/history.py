"""What upstream did, as dated events: the known history, by our own reading notes up to 2026-09-22, and a future.

These are facts written down by us, not what GitHub answered: numbers of repositories, comments and commits are made
up, titles are our own words. What our notes do not date stands there from the start (`BEFORE`). `seen` is what a
check of that day must say; events without it are only there so that others make sense. A day that the notes
know only by its month is the month's last.
"""

from __future__ import annotations

from typing import Literal

from vouchsafe.record import Record

BEFORE = "2025-08-01"
MOVED = "podman-container-tools/container-libs"
LIBS, SKOPEO, PODMAN = "containers/container-libs", "containers/skopeo", "containers/podman"
COSIGN, CONTROLLER, ROOTS = "sigstore/cosign", "sigstore/policy-controller", "sigstore/root-signing"
REGISTRY = "gitlab-org/container-registry"
NUMBERS = {
    LIBS: 1001,
    SKOPEO: 1002,
    PODMAN: 1003,
    COSIGN: 1004,
    CONTROLLER: 1005,
    ROOTS: 1006,
    REGISTRY: 2001,
}
TYPES_GO = "image/signature/policy_types.go"
SIGN_GO = "cmd/cosign/cli/options/sign.go"
CONFIG = "targets/signing_config.v0.2.json"

Kind = Literal[
    "open", "comment", "review", "refer", "close", "merge", "tag", "file", "move", "package", "host"
]


class Event(Record):
    """One thing that happened. `name`: a title, a tag, a path, a package's suite; `value`: what it is from then on.

    `source`: the thread that refers to this one, `owner/name#number`; `is_pull` of the thread, or of the source.
    """

    at: str
    kind: Kind
    repository: str = ""
    number: int = 0
    is_pull: bool = False
    who: str = "somebody"
    name: str = ""
    value: str = ""
    source: str = ""
    seen: str = ""


def policy_types(*new_keys: str, types: tuple[str, ...] = ()) -> str:
    """As much of the source as is looked at, in our own words: the known fields, and more."""
    known = ("caPath", "caData", "oidcIssuer", "subjectEmail", *new_keys)
    fields = "\n".join(f'\tF{n} string `json:"{key},omitempty"`' for n, key in enumerate(known))
    kinds = ("insecureAcceptAnything", "reject", "signedBy", "signedBaseLayer", "sigstoreSigned", *types)
    constants = "\n".join(f'\tprType{n} prTypeIdentifier = "{kind}"' for n, kind in enumerate(kinds))
    return (
        "package signature\n\n"
        f"const (\n{constants}\n)\n\n"
        '// prSigstoreSignedFulcio: a comment that names `json:"subjectURI"` is no key.\n'
        f"type prSigstoreSignedFulcio struct {{\n{fields}\n}}\n"
    )


def go_mod(version: str) -> str:
    """A program's requirements."""
    return f"module example\n\nrequire (\n\tgo.podman.io/image/v5 {version}\n)\n"


def sign_go(default: str) -> str:
    """A flag and its default."""
    return f'package options\n\nfunc add() {{ flags.BoolVar(&o.Bundle, "new-bundle-format", {default}, "how") }}\n'


LOG_V1 = '{"rekorTlogUrls": [{"url": "https://rekor.sigstore.dev", "majorApiVersion": 1, "operator": "sigstore.dev"}]}'
LOG_V2 = '{"rekorTlogUrls": [{"url": "https://log2025-1.rekor.sigstore.dev", "majorApiVersion": 2}]}'


def _open(at: str, repository: str, number: int, who: str, name: str, *, pull: bool = False) -> Event:
    return Event(at=at, kind="open", repository=repository, number=number, who=who, name=name, is_pull=pull)


def _refer(
    at: str, repository: str, number: int, source: str, name: str, *, pull: bool = False, who: str = ""
) -> Event:
    return Event(
        at=at,
        kind="refer",
        repository=repository,
        number=number,
        source=source,
        name=name,
        is_pull=pull,
        who=who or "somebody",
        seen=f"{'pull request' if pull else 'issue'} {source.removeprefix(repository).removeprefix(MOVED)}",
    )


def _comment(at: str, repository: str, number: int, who: str) -> Event:
    return Event(
        at=at, kind="comment", repository=repository, number=number, who=who, seen=f"comment by {who}"
    )


def _release(at: str, repository: str, tag: str, seen: str = "") -> Event:
    return Event(at=at, kind="tag", repository=repository, name=tag, seen=seen)


def _file(at: str, repository: str, path: str, text: str, seen: str = "") -> Event:
    return Event(at=at, kind="file", repository=repository, name=path, value=text, seen=seen)


STANDING: tuple[Event, ...] = (
    _file(BEFORE, LIBS, TYPES_GO, policy_types()),
    _release(BEFORE, LIBS, "image/v5.37.0"),
    _file(BEFORE, SKOPEO, "go.mod", go_mod("v5.37.0")),
    _release(BEFORE, SKOPEO, "v1.22.0"),
    _file(BEFORE, PODMAN, "go.mod", go_mod("v5.37.0")),
    _release(BEFORE, PODMAN, "v5.8.0"),
    _file(BEFORE, COSIGN, SIGN_GO, sign_go("false")),
    _release(BEFORE, COSIGN, "v2.5.3"),
    _open(BEFORE, COSIGN, 3927, "somebody", "Bundles as OCI referrers"),
    _open(BEFORE, CONTROLLER, 1406, "somebody", "Support bundles"),
    _release(BEFORE, CONTROLLER, "v0.13.0"),
    _file(BEFORE, ROOTS, CONFIG, LOG_V1),
    _open(BEFORE, REGISTRY, 968, "somebody", "The referrers API"),
    _open(BEFORE, REGISTRY, 1205, "somebody", "The referrers API, again"),
    Event(at=BEFORE, kind="package", repository="debian", name="bookworm", value="1.9.3+ds1-1"),
    Event(at=BEFORE, kind="package", repository="debian", name="trixie", value="1.18.0+ds1-1"),
    Event(at=BEFORE, kind="package", repository="debian", name="sid", value="1.22.0+ds1-1"),
    Event(at=BEFORE, kind="package", repository="fedora", name="rawhide", value="1.22.0"),
)

HISTORY: tuple[Event, ...] = (
    _open("2025-08-26", LIBS, 34, "mtrmac", "Matching workflow identities"),
    _comment("2025-08-28", LIBS, 34, "mtrmac"),
    Event(
        at="2025-09-12",
        kind="close",
        repository=COSIGN,
        number=3927,
        value="completed",
        seen="closed 2025-09-12",
    ),
    _release("2025-09-12", COSIGN, "v2.6.0"),
    _file("2025-10-07", COSIGN, SIGN_GO, sign_go("true")),
    _release("2025-10-07", COSIGN, "v3.0.1", "--new-bundle-format is true"),
    _release("2026-01-09", COSIGN, "v3.0.4"),
    _open("2025-10-12", LIBS, 388, "p5", "Support the Sigstore bundle format"),
    _refer("2025-10-12", LIBS, 388, "ublue-os/main#1477", "Updates fail after cosign 3").replace(seen=""),
    _refer("2025-10-31", CONTROLLER, 1406, "sigstore/policy-controller#1899", "Signatures of cosign 3 fail"),
    _open("2025-12-08", COSIGN, 4569, "somebody", "404 at registry.gitlab.com"),
    _refer(
        "2025-12-24", LIBS, 388, "containers/container-libs#567", "Bundles and referrers", pull=True, who="p5"
    ),
    _open("2026-02-04", LIBS, 625, "somebody", "Match buildSignerURI", pull=True),
    _refer("2026-02-04", LIBS, 34, "containers/container-libs#625", "Match buildSignerURI", pull=True),
    _comment("2026-02-05", COSIGN, 4569, "somebody"),
    _open("2026-02-13", COSIGN, 4696, "somebody", "Version 4"),
    _comment("2026-03-31", LIBS, 388, "andrewdunndev"),
    _refer("2026-04-02", CONTROLLER, 1406, "sigstore/policy-controller#1958", "A key and a bundle"),
    _comment("2026-05-04", LIBS, 388, "jlebon"),
    _refer("2026-05-04", LIBS, 388, "coreos/chunkah#117", "Keyless images cannot be used", who="jlebon"),
    _refer("2026-05-04", LIBS, 34, "coreos/chunkah#117", "Keyless images cannot be used", who="jlebon"),
    _open("2026-05-08", CONTROLLER, 1968, "somebody", "Signatures as bundles", pull=True),
    _refer(
        "2026-05-08", CONTROLLER, 1406, "sigstore/policy-controller#1968", "Signatures as bundles", pull=True
    ),
    _open("2026-05-12", ROOTS, 1644, "somebody", "Rekor v2 as default: postponed"),
    _release("2026-05-19", LIBS, "image/v5.40.0"),
    _refer("2026-05-21", COSIGN, 4696, "sigstore/cosign#4804", "Deprecate flags of identities", pull=True),
    _refer("2026-05-21", COSIGN, 4696, "sigstore/cosign#4838", "Deprecate flags", pull=True),
    _comment("2026-05-25", LIBS, 388, "andrewdunndev"),
    _comment("2026-05-25", LIBS, 625, "andrewdunndev"),
    Event(at="2026-06-01", kind="move", repository=LIBS, value=MOVED, seen=f"{LIBS} is now {MOVED}"),
    Event(at="2026-06-01", kind="move", repository=SKOPEO, value="podman-container-tools/skopeo"),
    Event(at="2026-06-01", kind="move", repository=PODMAN, value="podman-container-tools/podman"),
    _open("2026-06-20", COSIGN, 4959, "somebody", "Remove the old format", pull=True),
    _refer("2026-06-20", COSIGN, 4696, "sigstore/cosign#4959", "Remove the old format", pull=True),
    _release("2026-08-25", COSIGN, "v3.1.3"),
    _open("2026-09-02", COSIGN, 5093, "somebody", "Remove the old format, second part", pull=True),
    _refer("2026-09-02", COSIGN, 4696, "sigstore/cosign#5093", "Remove the old format", pull=True),
    _open("2026-09-07", LIBS, 1153, "TheMDev", "Referrers, bundles, time-stamps", pull=True),
    _refer("2026-09-07", LIBS, 388, f"{MOVED}#1153", "Referrers, bundles", pull=True, who="TheMDev"),
    _comment("2026-09-07", LIBS, 1153, "mtrmac").replace(seen=""),
    _comment("2026-09-09", LIBS, 1153, "TheMDev"),
    Event(
        at="2026-09-17",
        kind="review",
        repository=COSIGN,
        number=4959,
        who="somebody",
        seen="review by somebody",
    ),
)

# What has not happened: the way to the far shore, as it might go. The key is the one of the open patch.
FUTURE: tuple[Event, ...] = (
    Event(
        at="2027-01-10", kind="merge", repository=LIBS, number=625, value="c0ffee01", seen="merged 2027-01-10"
    ),
    _file("2027-01-10", LIBS, TYPES_GO, policy_types("buildSignerURI"), "key `buildSignerURI` is new"),
    _release("2027-02-01", LIBS, "image/v5.43.0", "in image/v5.43.0"),
    _file("2027-03-01", SKOPEO, "go.mod", go_mod("v5.43.0")),
    _release("2027-03-01", SKOPEO, "v1.25.0", "v1.25.0 has `buildSignerURI`"),
    Event(
        at="2027-03-15",
        kind="package",
        repository="debian",
        name="sid",
        value="1.25.0+ds1-1",
        seen="sid has skopeo 1.25.0, built with image/v5.43.0, which has buildSignerURI",
    ),
    Event(at="2027-04-01", kind="host", value="buildSignerURI", seen="skopeo copy: key buildSignerURI: yes"),
    Event(
        at="2027-04-01",
        kind="open",
        repository=LIBS,
        number=1300,
        who="jlebon",
        name="A policy plugin",
        is_pull=True,
        seen="pull request #1300 A policy plugin (open)",
    ),
    Event(
        at="2027-05-01",
        kind="refer",
        repository=REGISTRY,
        number=968,
        name="Serve referrers",
        seen="merge request !1 Serve referrers (opened)",
    ),
    _file(
        "2027-05-01",
        LIBS,
        TYPES_GO,
        policy_types("buildSignerURI", types=("plugin",)),
        "type `plugin` is new",
    ),
    Event(
        at="2027-06-01",
        kind="merge",
        repository=COSIGN,
        number=4959,
        value="c0ffee02",
        seen="merged 2027-06-01",
    ),
    _release("2027-06-15", COSIGN, "v4.0.0", "version 4 is the newest"),
    _file("2027-07-01", ROOTS, CONFIG, LOG_V2, "log2025-1.rekor.sigstore.dev, version 2"),
    Event(at="2027-07-02", kind="close", repository=REGISTRY, number=1205, seen="closed 2027-07-02"),
)
EVERYTHING = (*STANDING, *HISTORY, *FUTURE)
