"""A signing run: looks first, attaches last, reads back, and a second run heals what the first left out."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from tests.signing_lab import CYCLONEDX, IMAGE, MAIN, REPOSITORY, Lab
from vouchsafe.admission.material import World
from vouchsafe.ci.consumers import Reader
from vouchsafe.ci.done import ImageDone
from vouchsafe.ci.job import Order
from vouchsafe.ci.run import Run
from vouchsafe.ci.subjects import resolve
from vouchsafe.ci.witness import Who, Witness
from vouchsafe.errors import MalformedError, SigningError, Unavailable, VouchsafeError
from vouchsafe.image.manifest import OCI_INDEX
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Signature
from vouchsafe.signing import ceremony, foretold
from vouchsafe.signing.ceremony import Credential, Signer
from vouchsafe.signing.key import SigningKey
from vouchsafe.signing.make import Statement
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.keys import KeySource
from vouchsafe.testing.registry import push_index
from vouchsafe.verification.trust import from_pem
from vouchsafe.wiring.signing import Bench

SBOM = Statement(predicate_type=CYCLONEDX, predicate={"bomFormat": "CycloneDX", "specVersion": "1.6"})


class Nothing:
    """No files, no public-good root, no OpenPGP: this run needs none of them."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody needs {name}")


def run(lab: Lab, order: Order = Order(), image: Reference = IMAGE, **options: Any) -> ImageDone:
    """One run by one pipeline; `claims` change its token, `key` or `signer` sign in its place."""
    claims, key, readers = options.get("claims", {}), options.get("key"), options.get("readers", ())
    parts: dict[str, Any] = {}
    if key is None:
        signer = options.get("signer") or lab.signer(**claims)
        who = Who(identity=foretold.identity(lab.token(**claims)))
    else:
        signer, who = ceremony.by_key(key), Who(key=key.public_pem)
        root = from_pem(keys=(key.public_pem,))
        parts = {"root": root, "logs": (), "legacy_log": None, "stampers": ()}
    nothing: Any = Nothing()
    witness = Witness(
        World(files=nothing, trust=nothing, openpgp=nothing),
        lab.clock,
        root=b"" if key else lab.sigstore.trusted_root(),
        longest=timedelta(minutes=1),
    )
    bench = Bench(registry=lab.registry, ceremony=lab.ceremony(signer, **parts), pace=lab.pace())
    made = Run(
        order,
        who,
        bench=lambda: bench,
        witness=options.get("witness", witness),
        clock=lab.clock,
        readers=readers,
        tell=options.get("tell", lambda _: None),
    )
    return made.sign(image)


def states(done: ImageDone) -> list[list[str]]:
    """State of each form of each manifest."""
    if done.error is not None:
        raise done.error
    return [[form.state for form in manifest.forms] for manifest in done.manifests]


def error(done: ImageDone) -> VouchsafeError:
    """What went wrong."""
    assert done.error is not None
    return done.error


def manifests_written(lab: Lab) -> list[str]:
    """Every manifest that was pushed."""
    return [write for write in lab.registry.writes if write.startswith("manifest")]


@pytest.mark.parametrize("api", [True, False])
def test_signed(api: bool) -> None:
    """Both forms, found again by our own reader."""
    lab = Lab(referrers_api=api)
    done = run(lab)
    assert (states(done), done.digest) == ([["signed", "signed"]], lab.digest)
    assert [(each.reader, each.ok) for each in done.seen] == [
        ("vouchsafe (legacy)", True),
        ("vouchsafe (bundle)", True),
    ]
    assert len(done.log_indexes) == 2
    assert not done.is_unreadable


@pytest.mark.parametrize("statement", [Statement(), SBOM], ids=["signature", "attestation"])
def test_twice(statement: Statement) -> None:
    """What this signer has said already is not said again, and nobody but the registry is asked."""
    lab = Lab()
    first = run(lab, Order(statement=statement))
    requests = [len(each.requests) for each in (lab.fulcio, lab.rekor1, lab.tsa)]
    lab.registry.writes.clear()
    again = run(lab, Order(statement=statement))
    assert (states(first), states(again)) == ([["signed", "signed"]], [["already", "already"]])
    assert [len(each.requests) for each in (lab.fulcio, lab.rekor1, lab.tsa)] == requests
    assert lab.registry.writes == []
    assert again.log_indexes == first.log_indexes


@pytest.mark.parametrize(
    "claims",
    [
        {"ref": "refs/heads/feature"},
        {"pipeline_source": "schedule"},
        {"project_path": "group/other", "ci_config_ref_uri": MAIN.removeprefix("https://")},
        {"environment": "production"},
    ],
)
def test_another_signer(claims: dict[str, Any]) -> None:
    """Somebody else's signature does not stand in for ours: other trigger, project or environment."""
    lab = Lab()
    run(lab)
    assert states(run(lab, claims=claims)) == [["signed", "signed"]]


def test_another_predicate() -> None:
    """An SBOM that has changed is attested again."""
    lab = Lab()
    run(lab, Order(statement=SBOM))
    changed = Statement(predicate_type=CYCLONEDX, predicate={"bomFormat": "CycloneDX", "specVersion": "1.5"})
    assert states(run(lab, Order(statement=changed))) == [["signed", "signed"]]


def test_an_attestation_is_no_signature() -> None:
    """Both can be there; neither stands in for the other."""
    lab = Lab()
    assert [states(run(lab, Order(statement=each))) for each in (SBOM, Statement())] == [
        [["signed", "signed"]],
        [["signed", "signed"]],
    ]


def test_the_missing_form_is_added() -> None:
    """An image with `.sig` alone gets the bundle."""
    lab = Lab()
    run(lab, Order(forms=frozenset(("legacy",))))
    assert states(run(lab)) == [["already", "signed"]]


def test_by_key() -> None:
    """Twice too: the key is the identity."""
    lab = Lab()
    key = SigningKey(KeySource("ci").ec("key"))
    assert [states(run(lab, key=key)) for _ in range(2)] == [[["signed", "signed"]], [["already", "already"]]]


def test_an_index_and_its_platforms() -> None:
    """One certificate; platforms attached first, the index last."""
    lab = Lab()
    digest, instances = push_index(lab.registry.store, REPOSITORY)
    done = run(lab)
    assert states(done) == [["signed", "signed"]] * 3
    assert [each.platform for each in done.manifests] == ["linux/amd64", "linux/arm64", ""]
    assert (done.digest, len(lab.fulcio.requests)) == (digest, 1)
    tags = [write for write in manifests_written(lab) if write.endswith(".sig")]
    assert tags[-1] == f"manifest {digest.tag_prefix}.sig"
    assert set(tags[:-1]) == {f"manifest {each.tag_prefix}.sig" for each in instances.values()}


def test_an_index_alone() -> None:
    """--no-recursive."""
    lab = Lab()
    push_index(lab.registry.store, REPOSITORY)
    assert states(run(lab, Order(recursive=False))) == [["signed", "signed"]]


def test_dry_run() -> None:
    """Nothing is asked of a service, nothing written."""
    lab = Lab()
    done = run(lab, Order(dry_run=True))
    assert states(done) == [["would sign", "would sign"]]
    assert done.manifests[0].forms[0].place == f"{lab.digest.tag_prefix}.sig"
    assert (lab.fulcio.requests, lab.rekor1.requests, lab.registry.writes, done.seen) == ([], [], [], ())


@pytest.mark.parametrize(
    "forms, required, recursive, code",
    [
        ({"bundle"}, ("podman",), True, "not-readable"),
        ({"bundle"}, ("bootc",), True, "not-readable"),
        ({"bundle"}, ("cosign2",), True, "not-readable"),
        ({"bundle"}, ("cosign",), True, ""),
        ({"legacy"}, ("podman", "cosign"), True, ""),
        ({"legacy"}, ("podman",), False, "not-readable"),
        ({"legacy"}, ("bootc",), False, ""),
    ],
)
def test_what_nobody_could_read(forms: set[Any], required: Any, recursive: bool, code: str) -> None:
    """Said before anything is published: podman needs `.sig`, and one on each platform."""
    lab = Lab()
    push_index(lab.registry.store, REPOSITORY)
    done = run(lab, Order(forms=frozenset(forms), required=required, recursive=recursive))
    assert (done.error.code if done.error else "") == code
    if code:
        assert (lab.registry.writes, lab.fulcio.requests) == ([], [])


def test_what_is_there_counts_for_readers() -> None:
    """A bundle alone is enough for podman where `.sig` is there from before."""
    lab = Lab()
    run(lab, Order(forms=frozenset(("legacy",))))
    done = run(lab, Order(forms=frozenset(("bundle",)), required=("podman",)))
    assert states(done) == [["signed"]]


class Program:
    """Somebody's reader."""

    def __init__(self, name: str, words: str | VouchsafeError) -> None:
        self.name = name
        self.words = words
        self.asked: list[tuple[str, Signature]] = []

    def read(self, image: Reference, signature: Signature) -> str:
        """See the port."""
        self.asked.append((str(image), signature))
        if isinstance(self.words, VouchsafeError):
            raise self.words
        return self.words


@pytest.mark.parametrize(
    "name, words, required, unreadable",
    [
        ("skopeo 1.22.0", "", ("podman",), False),
        ("skopeo 1.22.0", "no signature exists", ("podman",), True),
        ("skopeo 1.22.0", "no signature exists", ("bootc",), True),
        ("skopeo 1.22.0", "no signature exists", ("cosign",), False),
        ("cosign 3", "no signatures found", ("cosign",), True),
        ("cosign 2.5.0", "no signatures found", ("cosign",), False),
        ("cosign 2.5.0", "no signatures found", ("cosign2",), True),
        ("cosign 3", Unavailable("program-timeout", "no end"), ("cosign",), True),
        ("cosign 3", "no signatures found", (), False),
    ],
)
def test_readers(name: str, words: Any, required: Any, unreadable: bool) -> None:
    """A program's answer is its consumers' answer; of others it is only said."""
    lab = Lab()
    program = Program(name, words)
    done = run(lab, Order(required=required), readers=[Reader(program, required)])
    assert done.is_unreadable == unreadable
    assert [(each.reader, each.ok) for each in done.seen if each.reader == name] == [(name, words == "")]
    assert [image for image, _ in program.asked] == [f"docker://{IMAGE.repository}@{lab.digest}"]
    assert program.asked[0][1].name == str(IMAGE.repository)


def test_readers_of_an_index() -> None:
    """skopeo asks for platforms only; cosign for the index too. Nobody is asked what it cannot read."""
    lab = Lab()
    push_index(lab.registry.store, REPOSITORY)
    programs = [Program("skopeo 1.22.0", ""), Program("cosign 3", "")]
    run(lab, readers=[Reader(each, ()) for each in programs])
    assert [len(each.asked) for each in programs] == [2, 3]
    blind = Program("skopeo 1.22.0", "")
    other = Lab()
    run(other, Order(forms=frozenset(("bundle",))), readers=[Reader(blind, ())])
    assert blind.asked == []


@pytest.mark.parametrize("broken", ["fulcio", "rekor1", "tsa"])
def test_a_service_is_down(broken: str) -> None:
    """Nothing is attached, no blob has anything that refers to it; when it is well again, the next run does all."""
    lab = Lab()
    push_index(lab.registry.store, REPOSITORY)
    service = getattr(lab, broken)
    honest = service.handler

    def down(_request: Any) -> Any:
        raise Unavailable("timeout", "expected an answer, got none", retryable=True)

    service.handler = down
    assert error(run(lab)).code == "timeout"
    assert [each for each in lab.registry.writes if each.startswith("manifest")] == []
    service.handler = honest
    assert states(run(lab)) == [["signed", "signed"]] * 3


def late(lab: Lab, signer: Signer, calls: int) -> Signer:
    """Nine and a half minutes pass after so many signatures: a certificate of ten is about to end."""
    left = [calls]
    turn = threading.Lock()

    def current() -> Credential:
        with turn:
            left[0] -= 1
            if left[0] == 0:
                lab.clock.advance(minutes=9, seconds=30)
            return signer.current()

    return Signer(current)


@pytest.mark.parametrize("calls", [3, 4, 7])
def test_the_certificate_ends_between_two_platforms(calls: int) -> None:
    """A new one is asked for; all is signed, by one identity."""
    lab = Lab()
    push_index(lab.registry.store, REPOSITORY)
    signer = lab.signer(exp=int(lab.clock.now().timestamp()) + 3600)
    done = run(lab, signer=late(lab, signer, calls))
    assert states(done) == [["signed", "signed"]] * 3
    assert (done.is_unreadable, len(lab.fulcio.requests)) == (False, 2)
    assert states(run(lab)) == [["already", "already"]] * 3


@pytest.mark.parametrize("calls", [3, 4, 7])
def test_the_token_ends_between_two_platforms(calls: int) -> None:
    """Nothing is attached, of no platform; with a new token a second run does it all."""
    lab = Lab()
    push_index(lab.registry.store, REPOSITORY)
    failed = error(run(lab, signer=late(lab, lab.signer(), calls)))
    assert (failed.code, "What is signed already" in failed.hint) == ("token-expired", True)
    assert manifests_written(lab) == []
    assert states(run(lab)) == [["signed", "signed"]] * 3


@pytest.mark.parametrize("cut", range(1, 20))
def test_interrupted_anywhere(cut: int) -> None:
    """After any write: what is there is whole and verifies, and the next run adds the rest."""
    lab = Lab()
    push_index(lab.registry.store, REPOSITORY)
    written: list[str] = []

    class Cut(type(lab.registry)):  # type: ignore[misc]
        """A registry whose connection is cut for good."""

        def push_blob(self, reference: Any, content: bytes) -> Any:
            count()
            return lab.registry.push_blob(reference, content)

        def push_manifest(self, reference: Any, content: bytes, **more: Any) -> Any:
            count()
            return lab.registry.push_manifest(reference, content, **more)

    def count() -> None:
        written.append("")
        if len(written) > cut:
            raise Unavailable("connection-reset", "cut", retryable=True)

    registry = lab.registry
    severed = Cut()
    severed.store = registry.store
    lab.registry = severed
    first = run(lab)
    lab.registry = registry
    assert first.error is not None or cut >= len(written)
    healed = run(lab)
    assert {state for manifest in states(healed) for state in manifest} <= {"signed", "already"}
    assert not healed.is_unreadable
    assert states(run(lab)) == [["already", "already"]] * 3


def test_published_and_not_found_again() -> None:
    """A registry that says yes and shows nothing: the run says so, and is not green."""
    lab = Lab()

    class Blind:
        """Sees nothing, ever."""

        def find(self, *_: Any) -> None:
            return None

    told: list[str] = []
    done = run(lab, witness=Blind(), tell=told.append)
    assert states(done) == [["signed", "signed"]]
    assert [(each.ok, each.words) for each in done.seen] == [(False, "published, and not found again")] * 2
    assert done.is_unreadable
    assert told[0] == f"{IMAGE} is {lab.digest}"


def test_what_is_lost_before_it_is_read_back_is_put_back() -> None:
    """Somebody's late write takes our entry away when everything was there."""
    lab = Lab()

    class Late(type(lab.registry)):  # type: ignore[misc]
        """Forgets the fallback index once, when bundles are read back."""

        left = 1

        def referrers(self, reference: Any, digest: Any) -> Any:
            if self.left and self.store.manifest(REPOSITORY, digest.tag_prefix):
                self.left -= 1
                self.store.delete(REPOSITORY, digest.tag_prefix)
            return super().referrers(reference, digest)

    late = Late()
    late.store = lab.registry.store
    lab.registry = late

    done = run(lab)
    assert (states(done), done.is_unreadable, late.left) == ([["signed", "signed"]], False, 0)


def test_no_such_image() -> None:
    """Nothing to sign."""
    lab = Lab()
    done = run(lab, image=Reference.parse("registry.example/group/project:missing"))
    assert (error(done).code, done.digest) == ("no-such-image", None)


def test_not_in_a_registry() -> None:
    """A layout on disk has no place for others' readers."""
    assert error(run(Lab(), image=Reference.parse("oci:/srv/layout:v1"))).code == "reference-transport"


def test_the_registry_cannot_be_read() -> None:
    """Not knowing whether it is signed already is no reason to sign again."""
    lab = Lab()

    class Down(type(lab.registry)):  # type: ignore[misc]
        """Reads of tags of signatures fail."""

        def manifest(self, reference: Any, wanted: Any) -> Any:
            if isinstance(wanted, str) and wanted.startswith("sha256-"):
                raise Unavailable("http-status", "expected an answer, got status 503", retryable=True)
            return super().manifest(reference, wanted)

    down = Down()
    down.store = lab.registry.store
    lab.registry = down
    assert error(run(lab)).code == "http-status"
    assert lab.registry.writes == []


def index_of(lab: Lab, *entries: dict[str, Any]) -> None:
    """An index at the image's tag."""
    content = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    lab.registry.store.put_manifest(REPOSITORY, compact(content), OCI_INDEX, "v1")


def test_an_index_in_an_index() -> None:
    """Both are signed, and what the inner one names; each once."""
    lab = Lab()
    inner, _ = push_index(lab.registry.store, REPOSITORY, "inner")
    stored = lab.registry.store.manifest(REPOSITORY, str(inner))
    assert stored is not None
    entry = {"mediaType": OCI_INDEX, "size": len(stored.raw), "digest": str(inner)}
    index_of(lab, entry, entry, {"mediaType": "text/plain", "size": 1, "digest": f"sha256:{'0' * 64}"})
    found = resolve(lab.registry, IMAGE, recursive=True)
    assert [each.is_index for each in found] == [False, False, True, True]
    assert [each.platform for each in found] == ["linux/amd64", "linux/arm64", "no platform", ""]


def test_an_index_that_names_what_is_not_there() -> None:
    """Nothing can be said about it."""
    lab = Lab()
    index_of(lab, {"mediaType": OCI_INDEX, "size": 2, "digest": f"sha256:{'0' * 64}"})
    with pytest.raises(SigningError) as raised:
        resolve(lab.registry, IMAGE, recursive=True)
    assert raised.value.code == "index-incomplete"


def test_too_many_platforms() -> None:
    """Nobody builds for so many."""
    lab = Lab()
    image = "application/vnd.oci.image.manifest.v1+json"
    index_of(lab, *({"mediaType": image, "size": 2, "digest": f"sha256:{n:064x}"} for n in range(300)))
    with pytest.raises(SigningError) as raised:
        resolve(lab.registry, IMAGE, recursive=True)
    assert raised.value.code == "too-many-manifests"


def test_a_folder_is_no_registry() -> None:
    """resolve says so itself."""
    with pytest.raises(MalformedError):
        resolve(Lab().registry, Reference.parse("dir:/srv/image"), recursive=True)
