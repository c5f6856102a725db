"""`vouchsafe copy` between registries and layouts: everything arrives, nothing is overwritten, nothing stays half."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, run, written
from tests.copying import PLAIN, contents, copy, differences, fill, graph_of
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.faults import Fault, always, cut_short, with_body
from vouchsafe.testing.loopback import Handler, Request, Response
from vouchsafe.testing.push import add_fallback, push_bundle, push_image, push_junk, push_signature
from vouchsafe.testing.registry import RegistryServer, TokenAccess
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, gitlab

WRITES = ("POST", "PATCH", "PUT", "DELETE")


class Lab:
    """Two registries and a Sigstore."""

    def __init__(self, folder: Path, source: RegistryServer, target: RegistryServer) -> None:
        self.folder = folder
        self.source = source
        self.target = target
        self.sigstore = VirtualSigstore("copy", clock=RealClock())
        self.root = folder / "root.json"
        self.root.write_bytes(self.sigstore.trusted_root())

    def copy(self, *words: object, to: str = "mirror/app") -> Ended:
        """From `group/app` of the one to the other."""
        return copy(*words, self.source.reference("group/app"), self.target.reference(to))

    def who(self, workload: Workload | None = None) -> list[str]:
        """Flags that accept a pipeline."""
        pipeline = workload or gitlab()
        whom = ["--certificate-identity", pipeline.subject, "--certificate-oidc-issuer", pipeline.issuer]
        return [*whom, "--trusted-root", str(self.root)]

    def verified(self, digest: Digest, repository: str = "mirror/app") -> int:
        """`vouchsafe verify` at the destination."""
        return run("verify", PLAIN, *self.who(), self.target.reference(repository, digest)).code

    def written(self) -> int:
        """Requests that changed something at the destination."""
        return sum(self.target.count(method) for method in WRITES)


def between(folder: Path, *, source: Any = "absent", target: Any = "absent") -> Iterator[Lab]:
    """Two registries with these fashions of referrers."""
    with RegistryServer(referrers=source) as one, RegistryServer(referrers=target) as other:
        yield Lab(folder, one, other)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Both without the referrers API, as GitLab and GHCR are."""
    yield from between(tmp_path)


@pytest.mark.parametrize(
    "source, target",
    [
        ("absent", "absent"),
        ("absent", "api"),
        ("api", "absent"),
        ("api", "api"),
        ("absent", "empty"),
        ("html", "html"),
        ("api-unfiltered", "api-unannounced"),
        ("absent-json", "api-unfiltered"),
    ],
)
def test_everything_arrives(source: Any, target: Any, tmp_path: Path) -> None:
    """Index and platforms with both forms of signatures, whatever the registries can; byte for byte."""
    for lab in between(tmp_path, source=source, target=target):
        everybody = fill(lab.source, lab.sigstore)
        ended = lab.copy()
        assert (ended.code, ended.out.startswith("copied")) == (0, True), ended.err
        assert differences(graph_of(lab.target, "mirror/app"), graph_of(lab.source, "group/app")) == []
        assert [lab.verified(digest) for digest in everybody] == [0, 0, 0]
        shown = contents(lab.target.store, "mirror/app")
        assert {tag: shown[tag] for tag in shown if "." in tag} == {
            tag: digest for tag, digest in contents(lab.source.store, "group/app").items() if "." in tag
        }


def test_a_second_copy_writes_nothing(lab: Lab) -> None:
    """What is there is not sent again."""
    fill(lab.source, lab.sigstore)
    lab.copy()
    before = lab.written()
    ended = lab.copy()
    assert (ended.code, ended.out.startswith("there already"), lab.written()) == (0, True, before)


def test_an_interrupted_copy_goes_on(lab: Lab) -> None:
    """The tag comes last: before it, nobody sees anything; afterwards only the rest is sent."""
    fill(lab.source, lab.sigstore)
    lab.target.faults.append(
        Fault(always(Response(status=403)), method="PUT", path="/manifests/sha256-", times=1)
    )
    assert lab.copy().code == 2
    assert "v1" not in contents(lab.target.store, "mirror/app")
    blobs = lab.target.count("POST", "/uploads/")
    assert lab.copy().code == 0
    assert lab.target.count("POST", "/uploads/") == blobs
    assert differences(graph_of(lab.target, "mirror/app"), graph_of(lab.source, "group/app")) == []


def test_the_image_is_published_last(lab: Lab) -> None:
    """Whoever finds the tag finds the signatures too."""
    fill(lab.source, lab.sigstore)
    lab.copy()
    paths = [each.path for each in lab.target.requests if each.method in WRITES]
    assert paths[-1].endswith("/manifests/v1")


def test_a_dry_run_writes_nothing(lab: Lab) -> None:
    """And says what would be done."""
    fill(lab.source, lab.sigstore)
    ended = lab.copy("--dry-run", "-o", "json")
    document = ended.json
    assert (ended.code, lab.written(), document["dryRun"]) == (0, 0, True)
    whats = [each["what"] for each in document["manifests"]]
    assert sorted(set(whats)) == [
        ".att",
        ".sig",
        "image",
        "platform linux/amd64",
        "platform linux/arm64",
        "referrer",
    ]
    assert {each["action"] for each in document["tags"]} == {"copy"}
    assert document["blobs"]["missing"] > 10
    assert lab.copy("--dry-run").out.startswith("would copy")


def test_json(lab: Lab) -> None:
    """By its schema."""
    everybody = fill(lab.source, lab.sigstore)
    document = lab.copy(*lab.who(), "-o", "json").json
    assert (document["digest"], document["dryRun"]) == (str(everybody[0]), False)
    assert [each["place"] for each in document["verdicts"]] == ["source", "destination"]
    assert sorted(document["lists"]) == sorted(digest.tag_prefix for digest in everybody)
    again = lab.copy("-o", "json").json
    assert {each["action"] for each in (*again["manifests"], *again["tags"])} == {"present"}


def test_another_image_at_the_destination_stays(lab: Lab) -> None:
    """Unless --force asks for it."""
    fill(lab.source, lab.sigstore)
    other = push_image(lab.target.store, "mirror/app", content=b"other")
    ended = lab.copy()
    assert (ended.code, "[copy-overwrites]" in ended.err, lab.written()) == (1, True, 0)
    assert contents(lab.target.store, "mirror/app") == {"v1": str(other)}
    assert lab.copy("--force", "-o", "json").code == 0
    assert lab.target.store.resolve("mirror/app", "v1") == lab.source.store.resolve("group/app", "v1")


def test_signatures_of_others_at_the_destination_stay(lab: Lab) -> None:
    """Layers are added to `.sig`, entries to the list of referrers."""
    root = push_image(lab.source.store, "group/app")
    push_signature(lab.source.store, "group/app", root, *lab.sigstore.sign_legacy(root, "a.example/app"))
    ours = push_bundle(lab.source.store, "group/app", root, lab.sigstore.bundle(root))
    push_image(lab.target.store, "mirror/app")
    push_signature(lab.target.store, "mirror/app", root, *lab.sigstore.sign_legacy(root, "b.example/app"))
    theirs = push_bundle(lab.target.store, "mirror/app", root, lab.sigstore.bundle(root))
    document = lab.copy("-o", "json").json
    assert [each["action"] for each in document["tags"]] == ["present", "add to"]
    signatures = lab.target.store.manifest("mirror/app", f"{root.tag_prefix}.sig")
    listed = lab.target.store.manifest("mirror/app", root.tag_prefix)
    assert signatures is not None
    assert listed is not None
    names = [
        json.loads(lab.target.store.blob("mirror/app", each["digest"]) or b"")["critical"]["identity"][
            "docker-reference"
        ]
        for each in json.loads(signatures.raw)["layers"]
    ]
    assert names == ["b.example/app", "a.example/app"]
    assert [each["digest"] for each in json.loads(listed.raw)["manifests"]] == [str(theirs), str(ours)]
    before = lab.written()
    assert (lab.copy().code, lab.written()) == (0, before)


def test_an_attached_sbom_belongs_to_one(lab: Lab) -> None:
    """It is replaced only by force."""
    root = push_image(lab.source.store, "group/app")
    push_image(lab.source.store, "group/app", f"{root.tag_prefix}.sbom", content=b"ours")
    push_image(lab.target.store, "mirror/app", f"{root.tag_prefix}.sbom", content=b"theirs")
    assert (lab.copy().code, lab.written()) == (1, 0)
    assert lab.copy("--force").code == 0
    shown = contents(lab.target.store, "mirror/app")
    assert shown == contents(lab.source.store, "group/app")


def test_two_copies_at_once_lose_nothing(lab: Lab) -> None:
    """One image with different signatures from two repositories, into one."""
    root = push_image(lab.source.store, "group/one")
    push_image(lab.source.store, "group/two")
    for name in ("group/one", "group/two"):
        push_signature(lab.source.store, name, root, *lab.sigstore.sign_legacy(root, name))
        push_bundle(lab.source.store, name, root, lab.sigstore.bundle(root))
    lab.target.delay_ms = 5
    codes: list[int] = []

    def go(name: str) -> None:
        codes.append(copy(lab.source.reference(name), lab.target.reference("mirror/app")).code)

    threads = [threading.Thread(target=go, args=(name,)) for name in ("group/one", "group/two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    there = graph_of(lab.target, "mirror/app")
    assert [differences(there, graph_of(lab.source, name)) for name in ("group/one", "group/two")] == [[], []]


@pytest.mark.parametrize("late", ["POST", "PUT"])
def test_what_another_copy_wrote_since_the_plan(late: str, lab: Lab) -> None:
    """The tags were free when they were looked at, and are not when they are written: that is looked at again."""
    root = push_image(lab.source.store, "group/app")
    push_image(lab.source.store, "group/other")
    for name in ("group/app", "group/other"):
        push_signature(lab.source.store, name, root, *lab.sigstore.sign_legacy(root, name))
        push_bundle(lab.source.store, name, root, lab.sigstore.bundle(root))
    codes: list[int] = []

    def meanwhile(request: Request, honest: Handler) -> Response:
        """The other copy, from its beginning to its end."""
        codes.append(copy(lab.source.reference("group/other"), lab.target.reference("mirror/app")).code)
        return honest(request)

    lab.target.faults.append(Fault(meanwhile, method=late, times=1))
    assert (lab.copy().code, codes) == (0, [0])
    there = graph_of(lab.target, "mirror/app")
    sources = ("group/app", "group/other")
    assert [differences(there, graph_of(lab.source, name)) for name in sources] == [[], []]


def test_what_a_stranger_undoes_late_is_put_back(lab: Lab) -> None:
    """A writer who read the tags long ago writes when ours have settled, before the image's own tag is there."""
    root = push_image(lab.source.store, "group/app")
    push_signature(lab.source.store, "group/app", root, *lab.sigstore.sign_legacy(root, "group/app"))
    push_bundle(lab.source.store, "group/app", root, lab.sigstore.bundle(root))
    store = lab.target.store

    def undone(request: Request, honest: Handler) -> Response:
        empty = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
        store.put_manifest("mirror/app", empty, OCI_INDEX, root.tag_prefix)
        store.delete("mirror/app", f"{root.tag_prefix}.sig")
        push_signature(store, "mirror/app", root, *lab.sigstore.sign_legacy(root, "stranger"))
        return honest(request)

    lab.target.faults.append(Fault(undone, method="PUT", path="/manifests/v1", times=1))
    assert lab.copy().code == 0
    assert differences(graph_of(lab.target, "mirror/app"), graph_of(lab.source, "group/app")) == []
    stored = store.manifest("mirror/app", f"{root.tag_prefix}.sig")
    assert stored is not None
    assert len(json.loads(stored.raw)["layers"]) == 2


@pytest.mark.parametrize("suffix, layers", [(".sig", 0), (".att", 2)])
def test_a_shared_tag_arrives_to_the_letter(suffix: str, layers: int, lab: Lab) -> None:
    """Also one that lists nothing, or one thing twice."""
    root = push_image(lab.source.store, "group/app")
    stored = lab.source.store.manifest("group/app", str(root))
    assert stored is not None
    manifest = json.loads(stored.raw)
    document = compact(manifest | {"layers": manifest["layers"][:1] * layers, "annotations": {"x": "y"}})
    lab.source.store.put_manifest("group/app", document, OCI_IMAGE, root.tag_prefix + suffix)
    assert lab.copy().code == 0
    there = lab.target.store.manifest("mirror/app", root.tag_prefix + suffix)
    assert (there and there.raw) == document


@pytest.mark.parametrize("accepted", [True, False])
def test_only_what_is_accepted_is_copied(accepted: bool, lab: Lab) -> None:
    """Judged before anything is written, and again at the destination."""
    fill(lab.source, lab.sigstore)
    ended = lab.copy(
        *lab.who(gitlab(ref="refs/heads/main" if accepted else "refs/heads/other")), "-o", "json"
    )
    document = ended.json
    verdicts = [(each["place"], each["verdict"]) for each in document["verdicts"]]
    if accepted:
        assert (ended.code, verdicts) == (0, [("source", "accepted"), ("destination", "accepted")])
    else:
        assert (ended.code, verdicts, lab.written()) == (1, [("source", "rejected")], 0)
        assert document["manifests"] == []


def test_a_refusal_in_words(lab: Lab) -> None:
    """As `verify` says it."""
    push_image(lab.source.store, "group/app")
    ended = lab.copy(*lab.who())
    assert (ended.code, ended.out.split()[0], "[unsigned]" in ended.out) == (1, "rejected", True)
    assert "nothing was written" in ended.err


def policy_of(lab: Lab, *scopes: str, **more: Any) -> Path:
    """A policy that accepts the pipeline under these names."""
    identity = {"oidcIssuer": gitlab().issuer, "subjectURI": gitlab().subject}
    fulcio = {"trustedRootPath": str(lab.root), "identities": [identity]}
    rule = {"type": "sigstoreSigned", "fulcio": fulcio, **more}
    document = {
        "default": [{"type": "reject"}],
        "transports": {"docker": {scope: [rule] for scope in scopes}},
    }
    return written(lab.folder, "policy.json", json.dumps(document))


def test_a_policy_that_knows_only_the_source(lab: Lab) -> None:
    """It would be refused where it goes: found out before anything is written."""
    fill(lab.source, lab.sigstore)
    ended = lab.copy("--policy", policy_of(lab, f"{lab.source.address}/group"), "-o", "json")
    document = ended.json
    verdicts = [(each["place"], each["verdict"]) for each in document["verdicts"]]
    assert verdicts == [("source", "accepted"), ("as destination", "rejected")]
    assert (ended.code, lab.written()) == (1, 0)


def test_a_policy_that_knows_both(lab: Lab) -> None:
    """`.sig` names the source's repository: the destination's scope has to say so."""
    fill(lab.source, lab.sigstore)
    source, target = f"{lab.source.address}/group/app", f"{lab.target.address}/mirror/app"
    path = policy_of(
        lab, source, target, signedIdentity={"type": "exactRepository", "dockerRepository": source}
    )
    ended = lab.copy("--policy", path, "-o", "json")
    document = ended.json
    assert (ended.code, [each["verdict"] for each in document["verdicts"]]) == (0, ["accepted"] * 3)


def test_what_only_insecure_accept_anything_lets_through(lab: Lab) -> None:
    """Is copied when that is asked for."""
    push_image(lab.source.store, "group/app")
    path = written(lab.folder, "policy.json", json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    assert (lab.copy("--policy", path).code, lab.written()) == (1, 0)
    assert lab.copy("--policy", path, "--allow-unverified").code == 0


def test_layouts_both_ways(tmp_path: Path) -> None:
    """From a registry to a disk and back to another, without losing anything."""
    for lab in between(tmp_path, source="api", target="absent"):
        everybody = fill(lab.source, lab.sigstore)
        layout = f"oci:{tmp_path}/layout"
        there = copy(*lab.who(), lab.source.reference("group/app"), layout, "-o", "json")
        assert (there.code, there.json["destination"]) == (0, f"{layout}:v1")
        assert [run("verify", *lab.who(), f"{layout}:@{digest}").code for digest in everybody] == [0, 0, 0]
        back = copy(*lab.who(), f"{layout}:v1", lab.target.reference("mirror/app"))
        assert back.code == 0, back.err
        assert differences(graph_of(lab.target, "mirror/app"), graph_of(lab.source, "group/app")) == []
        again = copy(lab.source.reference("group/app"), f"{layout}:v1")
        assert (again.code, again.out.startswith("there already")) == (0, True)


def test_several_images_in_one_layout(lab: Lab) -> None:
    """By their tags; another image under a tag is not replaced."""
    layout = f"oci:{lab.folder}/layout"
    for number in (1, 2):
        root = push_image(lab.source.store, "group/app", f"v{number}", content=b"%d" % number)
        push_bundle(lab.source.store, "group/app", root, lab.sigstore.bundle(root))
        assert copy(lab.source.reference("group/app", f"v{number}"), f"{layout}:v{number}").code == 0
    assert copy(lab.source.reference("group/app", "v2"), f"{layout}:v1").code == 1
    for number in (1, 2):
        assert run("verify", *lab.who(), f"{layout}:v{number}").code == 0
        assert copy(f"{layout}:v{number}", lab.target.reference("mirror/app", f"v{number}")).code == 0


def test_within_one_registry_nothing_travels(lab: Lab) -> None:
    """Blobs are mounted; to another tag of one repository not even that."""
    fill(lab.source, lab.sigstore)
    mounted = copy(lab.source.reference("group/app"), lab.source.reference("other/app"), "-o", "json")
    document = mounted.json
    assert (document["blobs"]["copied"], document["blobs"]["mounted"] > 10) == (0, True)
    assert lab.source.count("PATCH") == 0
    renamed = copy(
        lab.source.reference("group/app"), lab.source.reference("group/app", "stable"), "-o", "json"
    )
    assert renamed.json["blobs"]["mounted"] == 0
    assert contents(lab.source.store, "group/app")["stable"] == contents(lab.source.store, "other/app")["v1"]


def test_with_tokens(tmp_path: Path) -> None:
    """One registry, logged in: the tokens let us read there and write here, and mount."""
    with RegistryServer(access=TokenAccess({"alice": "secret"})) as server:
        sigstore = VirtualSigstore("tokens", clock=RealClock())
        fill(server, sigstore)
        auths = {"auths": {server.address: {"auth": "YWxpY2U6c2VjcmV0"}}}
        authfile = written(tmp_path, "auth.json", json.dumps(auths))
        pair = (server.reference("group/app"), server.reference("other/app"))
        assert copy(*pair).code == 2
        document = copy("--authfile", authfile, *pair, "-o", "json").json
        assert (document["blobs"]["copied"], document["blobs"]["mounted"] > 10) == (0, True)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(always(Response(status=429, headers={"Retry-After": "0"})), method="PUT", times=2),
        Fault(always(Response(status=503)), method="PUT", path="/manifests/", times=2),
        Fault(always(Response(status=500)), method="PUT", path="/blobs/uploads/", times=2),
        Fault(always(Response(reset=True)), method="POST", times=1),
        Fault(always(Response(reset=True)), method="PUT", path="/blobs/uploads/", times=1),
    ],
)
def test_passing_trouble_passes(fault: Fault, lab: Lab) -> None:
    """Asked again, or begun anew."""
    everybody = fill(lab.source, lab.sigstore)
    lab.target.faults.append(fault)
    ended = lab.copy()
    assert ended.code == 0, ended.err
    assert fault.taken > 0
    assert lab.verified(everybody[1]) == 0


def test_a_source_that_stumbles_is_asked_again(lab: Lab) -> None:
    """A blob that is cut short, a manifest that is late."""
    fill(lab.source, lab.sigstore)
    lab.source.faults += [
        Fault(cut_short, path="/blobs/", times=2),
        Fault(always(Response(status=503)), path="/manifests/sha256-", times=2),
    ]
    assert lab.copy().code == 0


def test_a_source_that_lies_gives_nothing(lab: Lab) -> None:
    """Another blob under the digest: no tag, no blob of that name."""
    fill(lab.source, lab.sigstore)
    lab.source.faults.append(Fault(with_body(lambda body: body[::-1]), path="/blobs/"))
    ended = lab.copy()
    assert (ended.code, "[digest-mismatch]" in ended.err) == (2, True)
    assert contents(lab.target.store, "mirror/app") == {}


def test_a_platform_that_is_missing(lab: Lab) -> None:
    """An index that is not whole is not copied: it would be refused there, or found broken."""
    platform = push_image(lab.source.store, "group/app", "")
    gone = {"mediaType": OCI_IMAGE, "digest": str(Digest.of(b"gone")), "size": 4}
    there = {"mediaType": OCI_IMAGE, "digest": str(platform), "size": 1}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [there, gone]}
    lab.source.store.put_manifest("group/app", compact(index), OCI_INDEX, "v1")
    ended = lab.copy()
    assert (ended.code, "[copy-incomplete]" in ended.err, lab.written()) == (2, True, 0)


def test_what_could_not_be_asked_is_not_left_out(lab: Lab) -> None:
    """It may be the signature."""
    fill(lab.source, lab.sigstore)
    lab.source.faults.append(Fault(always(Response(status=500)), path=".att"))
    ended = lab.copy()
    assert (ended.code, "[copy-unreadable]" in ended.err, lab.written()) == (2, True, 0)


def test_junk_is_left_behind_or_copied(lab: Lab) -> None:
    """What nobody can read is told; what is only no signature is copied like the rest."""
    root = push_image(lab.source.store, "group/app")
    push_junk(lab.source.store, "group/app", root, 3)
    broken = lab.source.store.put_manifest("group/app", b'{"schemaVersion": 1}', OCI_IMAGE)
    gone = {"mediaType": OCI_IMAGE, "digest": str(Digest.of(b"gone")), "size": 4}
    unread = {"mediaType": OCI_IMAGE, "digest": str(broken), "size": 20}
    add_fallback(lab.source.store, "group/app", root, gone, unread)
    ended = lab.copy("-o", "json")
    document = ended.json
    assert (ended.code, [each["origin"] for each in document["leftBehind"]]) == (0, [str(broken)])
    assert [each["what"] for each in document["manifests"]].count("referrer") == 3
    listed = lab.target.store.manifest("mirror/app", root.tag_prefix)
    assert listed is not None
    assert len(json.loads(listed.raw)["manifests"]) == 3
    assert "left behind" in lab.copy().err


def test_layers_that_registries_do_not_hold(lab: Lab) -> None:
    """Their URLs go along in the manifest."""
    root = push_image(lab.source.store, "group/app")
    stored = lab.source.store.manifest("group/app", str(root))
    assert stored is not None
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": str(Digest.of(b"elsewhere")),
        "size": 9,
        "urls": ["https://elsewhere.example/layer"],
    }
    manifest = json.loads(stored.raw)
    manifest["layers"].append(foreign)
    lab.source.store.put_manifest("group/app", compact(manifest), OCI_IMAGE, "v1")
    assert lab.copy().code == 0


def test_by_digest(lab: Lab) -> None:
    """To a tag, to the same digest without a tag, but not to another digest."""
    root = push_image(lab.source.store, "group/app")
    pinned = lab.source.reference("group/app", root)
    assert copy(pinned, lab.target.reference("one/app", root)).code == 0
    assert contents(lab.target.store, "one/app") == {}
    assert lab.target.store.resolve("one/app", str(root)) == root
    assert copy(pinned, lab.target.reference("two/app")).code == 0
    ended = copy(pinned, lab.target.reference("three/app", Digest.of(b"other")))
    assert (ended.code, "three/app" in lab.target.store.repositories()) == (64, False)


@pytest.mark.parametrize(
    "words",
    [
        ["registry.example/app"],
        ["registry.example/app", "registry.example/app"],
        ["registry.example/app:v1", "dir:/tmp/image"],
        ["dir:/tmp/image", "registry.example/app:v1"],
        ["registry.example/app:v1", "registry.example/APP:v1"],
        ["--certificate-identity", "x", "registry.example/app:v1", "oci:/tmp/layout"],
        ["--src-tls-verify=perhaps", "registry.example/app:v1", "oci:/tmp/layout"],
    ],
)
def test_what_makes_no_sense(words: list[str]) -> None:
    """64, before anything is asked."""
    assert copy(*words).code == 64


def test_no_such_image(lab: Lab) -> None:
    """Undecided, and nothing is written."""
    ended = lab.copy()
    assert (ended.code, "[no-such-image]" in ended.err, lab.written()) == (2, True, 0)
    assert lab.copy(*lab.who()).code == 2


def test_how_each_end_is_reached(lab: Lab) -> None:
    """--src-tls-verify and --dest-tls-verify are for one end each."""
    push_image(lab.source.store, "group/app")
    pair = (lab.source.reference("group/app"), lab.target.reference("mirror/app"))
    assert run("copy", "--src-tls-verify=false", *pair).code == 2
    assert run("copy", "--dest-tls-verify=false", *pair).code == 2
    assert run("copy", "--src-tls-verify=false", "--dest-tls-verify=false", *pair).code == 0


def test_what_is_said_on_the_way(lab: Lab) -> None:
    """On standard error: how much travels, each blob with --verbose, and that nothing was verified."""
    push_image(lab.source.store, "group/app")
    ended = lab.copy("--verbose")
    lines = ended.err.splitlines()
    assert lines[0].startswith("vouchsafe: copying 2 blobs, ")
    assert [line.split()[1] for line in lines[1:3]] == ["copied", "copied"]
    assert lines[-1] == "vouchsafe: not verified: neither a policy, nor an identity, nor a key was given"
