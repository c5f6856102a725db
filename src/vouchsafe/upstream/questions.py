"""The questions, as data: what is waited for, where it would be seen, and what each state means for an operator.

`known` is how far each matter was on KNOWN_AS_OF, by what had been read until then; a first check, which has no
earlier one to compare with, compares with that. Repositories by the name that they had then; their numbers are
learnt at the first check and must not change (`inquiry`).
"""

from __future__ import annotations

from vouchsafe.record import Record
from vouchsafe.upstream.others import (
    FlagDefault,
    GitLabIssue,
    HostAbility,
    MajorRelease,
    Search,
    SigningConfig,
)
from vouchsafe.upstream.packages import Packaged
from vouchsafe.upstream.policies import LIBRARY, LIBRARY_RELEASES, Client, PolicyWords
from vouchsafe.upstream.question import Matter, Question, ServiceName, State
from vouchsafe.upstream.releases import Releases
from vouchsafe.upstream.threads import Kind, Thread

KNOWN_AS_OF = "2026-09-22"


class Repository(Record):
    """Where a repository was on KNOWN_AS_OF."""

    service: ServiceName
    name: str


REPOSITORIES: dict[str, Repository] = {
    LIBRARY: Repository(service="github", name="podman-container-tools/container-libs"),
    "skopeo": Repository(service="github", name="podman-container-tools/skopeo"),
    "podman": Repository(service="github", name="podman-container-tools/podman"),
    "cosign": Repository(service="github", name="sigstore/cosign"),
    "policy-controller": Repository(service="github", name="sigstore/policy-controller"),
    "root-signing": Repository(service="github", name="sigstore/root-signing"),
    "container-registry": Repository(service="gitlab", name="gitlab-org/container-registry"),
}

_COSIGN = Releases(repository="cosign")
_CONTROLLER = Releases(repository="policy-controller")

MATTERS: tuple[Matter, ...] = (
    Matter(
        id="identity",
        title="policy.json can demand a pipeline's URI",
        known=State.PROPOSED,
        unblocks=True,
        means={
            State.NOT_STARTED: "Countersigning stays the only way; nobody works on another.",
            State.PROPOSED: "Countersigning stays. A patch is under review; say there that you need it.",
            State.MERGED: "Countersigning stays. The next release of containers/image may have it: plan a test host.",
            State.RELEASED: "Update one host's skopeo and podman, then `vouchsafe upstream act` there.",
            State.ON_MY_HOSTS: "Run `vouchsafe upstream act`: this host may be able to do without the countersigner.",
        },
    ),
    Matter(
        id="bundles",
        title="podman, skopeo and bootc read Sigstore bundles",
        known=State.PROPOSED,
        means={
            State.NOT_STARTED: "Keep signing as `.sig` too (`sign --format both`, the default).",
            State.PROPOSED: "Keep signing as `.sig` too. Expect no date: how a bundle names a repository is open.",
            State.MERGED: "Keep signing as `.sig` too, until every host has the release.",
            State.RELEASED: "Keep signing as `.sig` too, until every host has it.",
            State.ON_MY_HOSTS: "When this is true of every host, `sign --format bundle` suffices.",
        },
    ),
    Matter(
        id="plugin",
        title="policy.json can ask a plugin",
        known=State.NOT_STARTED,
        unblocks=True,
        means={
            State.NOT_STARTED: "An idea in a comment, without a protocol. Countersigning does what it would do.",
            State.PROPOSED: "Compare it with our protocol, and comment while it can still change.",
            State.MERGED: "Compare what was merged with our plugin before the release.",
            State.RELEASED: "Update one host's clients and try the plugin there.",
            State.ON_MY_HOSTS: "The plugin can take the countersigner's place on this host.",
        },
    ),
    Matter(
        id="legacy-removal",
        title="cosign stops to write and read `.sig`",
        known=State.PROPOSED,
        means={
            State.NOT_STARTED: "Nothing to do.",
            State.PROPOSED: "Pin cosign's major version in jobs that still call it; vouchsafe writes `.sig` itself.",
            State.MERGED: "The next major version cannot sign for today's hosts. Pin, and sign with vouchsafe.",
            State.RELEASED: "Do not update cosign in jobs that sign for podman, skopeo or bootc.",
        },
    ),
    Matter(
        id="bundle-default",
        title="cosign signs as a bundle by default",
        known=State.RELEASED,
        means={
            State.NOT_STARTED: "Nothing to do.",
            State.PROPOSED: "Nothing to do yet.",
            State.MERGED: "Look which jobs call cosign without --new-bundle-format.",
            State.RELEASED: "An unpinned cosign signs so that hosts see nothing: read back what is signed.",
        },
    ),
    Matter(
        id="gitlab-registry",
        title="GitLab's registry serves referrers",
        known=State.NOT_STARTED,
        means={
            State.NOT_STARTED: "Bundles are found by a fallback tag: keep it out of tag cleanup (`ci lint-cleanup`).",
            State.PROPOSED: "As before; it is being worked on.",
            State.MERGED: "As before until your instance has it.",
            State.RELEASED: "The fallback tag is no longer needed where every client asks the API.",
        },
    ),
    Matter(
        id="policy-controller",
        title="policy-controller accepts bundles",
        known=State.PROPOSED,
        means={
            State.NOT_STARTED: "Clusters need `.sig`.",
            State.PROPOSED: "Clusters still need `.sig` for signatures; attestations as bundles work.",
            State.MERGED: "Clusters need `.sig` until they have the release.",
            State.RELEASED: "Update policy-controller; then bundles suffice there.",
        },
    ),
    Matter(
        id="rekor-v2",
        title="the public Sigstore logs in Rekor v2 by default",
        known=State.NOT_STARTED,
        means={
            State.NOT_STARTED: "Nothing to do.",
            State.PROPOSED: "Nothing to do yet.",
            State.MERGED: "Sign with a Rekor v1 beside it: podman and skopeo cannot use v2's proofs.",
            State.RELEASED: "Sign with an explicit Rekor v1, or podman and skopeo reject new signatures.",
        },
    ),
)


# matter, repository, number, kind, what it is about, and the releases that may contain its merge
_THREADS: tuple[tuple[str, str, int, Kind, str, Releases | None], ...] = (
    ("identity", LIBRARY, 34, "issue", "identities of workflows", None),
    ("identity", LIBRARY, 625, "pull", "a key `buildSignerURI`", LIBRARY_RELEASES),
    ("bundles", LIBRARY, 388, "issue", "Sigstore bundles, and the idea of a plugin", None),
    ("bundles", LIBRARY, 1153, "pull", "referrers and bundles", LIBRARY_RELEASES),
    ("legacy-removal", "cosign", 4696, "issue", "the plan for version 4", None),
    ("legacy-removal", "cosign", 4959, "pull", "removes the old format", _COSIGN),
    ("legacy-removal", "cosign", 5093, "pull", "removes the old format", _COSIGN),
    ("bundle-default", "cosign", 3927, "issue", "bundles as referrers", None),
    ("gitlab-registry", "cosign", 4569, "issue", "cosign 3 against GitLab's registry", None),
    ("policy-controller", "policy-controller", 1406, "issue", "bundles", None),
    ("policy-controller", "policy-controller", 1968, "pull", "signatures as bundles", _CONTROLLER),
    ("rekor-v2", "root-signing", 1644, "issue", "when v2 becomes the default", None),
)

QUESTIONS: tuple[Question, ...] = (
    PolicyWords(id="fulcio-keys", matter="identity", title="keys of a `fulcio` requirement", what="keys"),
    PolicyWords(id="requirement-types", matter="plugin", title="types of requirements", what="types"),
    *(
        Thread(
            id=f"{repository}-{number}",
            matter=matter,
            title=f"{repository} #{number}: {about}",
            repository=repository,
            number=number,
            kind=kind,
            releases=releases,
        )
        for matter, repository, number, kind, about, releases in _THREADS
    ),
    Search(
        id="plugin-search",
        matter="plugin",
        title="issues and pull requests about a policy plugin",
        repository=LIBRARY,
        terms=("plugin", "policy"),
        word="plugin",
    ),
    Client(id="skopeo-release", matter="identity", title="skopeo's newest release", repository="skopeo"),
    Client(id="podman-release", matter="identity", title="podman's newest release", repository="podman"),
    MajorRelease(id="cosign-4", matter="legacy-removal", title="a cosign 4", repository="cosign", major=4),
    FlagDefault(
        id="cosign-default",
        matter="bundle-default",
        title="cosign's default for --new-bundle-format",
        repository="cosign",
        path="cmd/cosign/cli/options/sign.go",
        flag="new-bundle-format",
        released_when="true",
    ),
    SigningConfig(
        id="signing-config",
        matter="rekor-v2",
        title="logs of the public signing configuration",
        repository="root-signing",
        path="targets/signing_config.v0.2.json",
    ),
    GitLabIssue(
        id="container-registry-968",
        matter="gitlab-registry",
        title="container-registry #968",
        repository="container-registry",
        number=968,
    ),
    GitLabIssue(
        id="container-registry-1205",
        matter="gitlab-registry",
        title="container-registry #1205",
        repository="container-registry",
        number=1205,
    ),
    Packaged(
        id="debian",
        matter="identity",
        title="skopeo in Debian",
        distribution="debian",
        package="skopeo",
        repository="skopeo",
    ),
    Packaged(
        id="fedora",
        matter="identity",
        title="skopeo in Fedora",
        distribution="fedora",
        package="skopeo",
        branch="rawhide",
        repository="skopeo",
    ),
    HostAbility(
        id="host-keys", matter="identity", title="this host's clients: a key for a URI", ability="key"
    ),
    HostAbility(id="host-bundle", matter="bundles", title="this host's clients: bundles", ability="bundle"),
    HostAbility(id="host-plugin", matter="plugin", title="this host's clients: a plugin", ability="type"),
)
