"""An image of the operator's own: pulled as it is, refused when changed, and an acceptance beside every refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts import Host, Script, policy
from tests.unit.host.test_probe import LAB
from vouchsafe.adapters.children import Children
from vouchsafe.adapters.hosttree import scratch
from vouchsafe.errors import ConfigurationError
from vouchsafe.host.leg import Leg
from vouchsafe.host.own_image import CHANGED_TAG, Own, legs
from vouchsafe.host.pullers import Outcome, Rules, Tools
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import applied
from vouchsafe.policy.compile import Host as Points

RAW = b'{"schemaVersion":2,"layers":[]}'
MANIFEST = Manifest(digest=Digest.of(RAW), media_type=OCI_IMAGE, raw=RAW, annotations={})
BESIDE = Digest.of(b"a signature")
LIVE = Rules(policy="", registries="", home="/root", is_real=True)
POINTS = Points(ca_path="/run/vouchsafe/ca.crt", lookaside="http://127.0.0.1:843")


class Client:
    """Pulls by the policy of its home; what it was shown is kept."""

    name = "a client"

    def __init__(self, judge: Callable[[str, str], bool]) -> None:
        self._judge = judge
        self.asked: list[tuple[str, Rules]] = []

    def pull(self, reference: str, rules: Rules) -> Outcome:
        self.asked.append((reference, rules))
        assert rules.is_real
        path = Path(rules.home, ".config/containers/policy.json")
        said = path.read_text(encoding="utf-8") if path.exists() else "live"
        return Outcome(pulled=self._judge(reference, said))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """One that enforces, with another file of registries.d."""
    made = Host(tmp_path)
    made.write("/etc/containers/policy.json", policy())
    made.write("/etc/containers/registries.d/a.yaml", "docker: {}\n")
    made.write(applied.PATH, applied.write(applied.Applied(epoch="00", host=POINTS)))
    return made


@pytest.fixture
def tools() -> Iterator[Tools]:
    """A machine without programs."""
    with scratch() as place:
        yield Tools(runner=Script({}), starter=Children(), scratch=place, environment={}, is_root=True)


def tried(host: Host, tools: Tools, client: Client, image: str = "r.example/acme/app:v1") -> list[Leg]:
    """Every leg; the changed image has been shown, under its own name."""
    shown: list[tuple[str, str, bytes, str]] = []
    own = Own(
        reference=Reference.parse(image),
        manifest=MANIFEST,
        beside=BESIDE,
        shown=lambda *words: shown.append(words),
    )
    found = list(legs(own, (client,), tools, LAB, host.files, LIVE))
    tag = "v1" if image.endswith(":v1") else CHANGED_TAG
    assert shown == [("acme/app", tag, RAW + b"\n", OCI_IMAGE)]
    assert [each.name for each in found] == ["own", "own shown", "own changed", "own evidence"]
    return found


def honest(reference: str, said: str) -> bool:
    """What is signed by whatever is live, and anything where anything goes."""
    return (said == "live" and str(BESIDE) not in reference) or "insecureAcceptAnything" in said


@pytest.mark.parametrize("image", ["r.example/acme/app:v1", f"r.example/acme/app@{Digest.of(RAW)}"])
def test_what_is_accepted_and_refused(host: Host, tools: Tools, image: str) -> None:
    """As it is by the machine's own files; changed, under its own name, by the same policy and countersigner."""
    client = Client(honest)
    found = tried(host, tools, client, image)
    assert [(each.pulled, each.behaved) for each in found] == [
        *[(True, True)] * 2,
        *[(False, True)] * 2,
    ]
    (first, live), (_, unjudged), (changed, judged), (evidence, by) = client.asked
    assert (evidence, by) == (f"r.example/acme/app@{BESIDE}", LIVE)
    assert (first, live, changed.partition(":")[0]) == (image, LIVE, "r.example/acme/app")
    folder = Path(judged.home, ".config/containers")
    assert (folder / "policy.json").read_text() == host.read("/etc/containers/policy.json")
    assert (folder / "registries.d/a.yaml").exists()
    section = json.loads((folder / "registries.d/vouchsafe-own-image.yaml").read_text())["docker"]
    assert section[f"{LAB.registry}/acme/app"]["lookaside"] == "http://127.0.0.1:843/r.example"
    for rules in (judged, unjudged):
        conf = Path(rules.home, ".config/containers/registries.conf").read_text()
        assert f'prefix = "r.example/acme/app"\nlocation = "{LAB.registry}/acme/app"' in conf


@pytest.mark.parametrize(
    "judge, behaved",
    [
        (lambda *_: True, [True, True, False, False]),  # it takes what is changed
        (lambda *_: False, [False, False, True, True]),  # it pulls nothing at all: the last two prove nothing
        (lambda _, said: "insecure" in said, [False, True, True, True]),  # the image itself is refused
        (lambda _, said: said == "live", [True, False, True, False]),  # it was never shown the changed one
    ],
)
def test_what_proves_nothing(
    host: Host, tools: Tools, judge: Callable[[str, str], bool], behaved: list[bool]
) -> None:
    """Some leg says so."""
    assert [each.behaved for each in tried(host, tools, Client(judge))] == behaved


def test_a_host_that_enforces_nothing(host: Host, tools: Tools) -> None:
    """And an image of no registry: said, before anything is shown."""
    own = Own(
        reference=Reference.parse("r.example/app"),
        manifest=MANIFEST,
        beside=None,
        shown=lambda *_: pytest.fail("shown"),
    )
    with pytest.raises(ConfigurationError) as refused:
        list(legs(own.replace(reference=Reference.parse("oci:/a")), (), tools, LAB, host.files, LIVE))
    assert refused.value.code == "smoke-image"
    host.files.remove(applied.PATH)
    with pytest.raises(ConfigurationError) as refused:
        list(legs(own, (), tools, LAB, host.files, LIVE))
    assert refused.value.code == "host-not-enabled"
