"""Services and registries that fail on the wire: either done, or nothing half-attached, and a second run heals."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, plain_terminal, run
from tests.sign_cli_lab import SignLab, lab, with_programs
from vouchsafe.signing import ceremony
from vouchsafe.testing.faults import Fault, always, cut_short, slow, too_many
from vouchsafe.testing.fulcio_api import FulcioApi
from vouchsafe.testing.loopback import Handler, LoopbackServer, Request, Response
from vouchsafe.testing.registry import push_image
from vouchsafe.testing.rekor1_api import Rekor1Api
from vouchsafe.testing.tsa_api import TsaApi

__all__ = ["lab", "plain_terminal"]
DOWN = Response(status=503, body=b"down for maintenance")
BROKEN = Response(status=500, body=b'{"code":13,"message":"error creating certificate"}')


@pytest.fixture(autouse=True)
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only our own reader."""
    with_programs(tmp_path, monkeypatch)


@contextmanager
def services(lab: SignLab, **faults: Fault) -> Iterator[list[str]]:
    """Flags of services with faults in front of them. The virtual ones answer one request at a time."""
    guard = threading.Lock()

    def faulty(name: str, honest: Any) -> LoopbackServer:
        fault = faults.get(name)

        def answer(request: Request) -> Response:
            with guard:
                if fault is not None and fault.takes(request):
                    return fault.answer(request, honest)
                answered: Response = honest(request)
                return answered

        return LoopbackServer(answer)

    with (
        faulty("fulcio", FulcioApi(lab.sigstore).answer) as fulcio,
        faulty("rekor", Rekor1Api(lab.sigstore.rekor1).answer) as rekor,
        faulty("tsa", TsaApi(lab.sigstore).answer) as tsa,
    ):
        named = ["--fulcio-url", fulcio.url, "--rekor-url", rekor.url]
        stamped = ["--timestamp-url", f"{tsa.url}/api/v1/timestamp"]
        yield [*named, *stamped, "--trusted-root", str(lab.services.trusted_root), "--tls-verify=false"]


def sign(lab: SignLab, flags: list[str], *words: object) -> Ended:
    """With a new token."""
    os.environ["SIGSTORE_ID_TOKEN"] = lab.services.token()
    return run("sign", *flags, *words, lab.image)


def attached(lab: SignLab) -> tuple[int, int]:
    """Signatures at `.sig` and in the fallback index."""
    return lab.attached(".sig"), lab.attached("")


def posts(spoil: Any, path: str, times: int | None = 1, skip: int = 0) -> Fault:
    """Takes the first POSTs to a path."""
    return Fault(spoil, method="POST", path=path, times=times, skip=skip)


FULCIO, REKOR, TSA = "/signingCert", "/log/entries", "/timestamp"


@pytest.mark.parametrize(
    "service, fault",
    [
        ("fulcio", posts(always(DOWN), FULCIO, times=2)),
        ("fulcio", posts(always(BROKEN), FULCIO)),
        ("fulcio", posts(too_many("0"), FULCIO, times=3)),
        ("fulcio", posts(always(Response(reset=True)), FULCIO)),
        ("fulcio", posts(cut_short, FULCIO)),
        ("rekor", posts(always(DOWN), REKOR)),
        ("rekor", posts(always(Response(reset=True)), REKOR, times=2)),
        ("rekor", posts(cut_short, REKOR)),  # the entry is there: asking again gives 409
        ("tsa", posts(always(DOWN), TSA, times=2)),
        ("tsa", posts(cut_short, TSA)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_service_that_comes_back(lab: SignLab, service: str, fault: Fault) -> None:
    """Nobody notices: it is asked again."""
    with services(lab, **{service: fault}) as flags:
        ended = sign(lab, flags)
    assert ended.code == 0, ended.err
    assert (attached(lab), fault.taken > 0) == ((1, 1), True)


def test_rekor_has_it_already(lab: SignLab) -> None:
    """The answer was cut, the entry is there: 409 leads to it, and nothing is logged twice."""
    before = lab.sigstore.rekor1.size
    with services(lab, rekor=posts(cut_short, REKOR, times=2)) as flags:
        assert sign(lab, flags).code == 0
    assert lab.sigstore.rekor1.size == before + 2


@pytest.mark.parametrize(
    "service, fault, code, said",
    [
        ("fulcio", posts(always(DOWN), FULCIO, times=None), "http-status", "down for maintenance"),
        ("rekor", posts(always(DOWN), REKOR, times=None), "http-status", "down for maintenance"),
        ("rekor", posts(always(DOWN), REKOR, times=None, skip=1), "http-status", "down for maintenance"),
        ("tsa", posts(always(DOWN), TSA, times=None), "http-status", "down for maintenance"),
        ("tsa", posts(always(Response(reset=True)), TSA, times=None), "connection-reset", "time-stamping"),
        (
            "rekor",
            posts(always(Response(status=400, body=b'{"message":"invalid signature"}')), REKOR),
            "log-refused",
            "Rekor says: invalid signature",
        ),
    ],
)
def test_a_service_that_stays_away(lab: SignLab, service: str, fault: Fault, code: str, said: str) -> None:
    """A clear failure in its own words, nothing attached; when it is well, a second run does it all."""
    with services(lab, **{service: fault}) as flags:
        ended = sign(lab, flags)
    assert ended.code == 2
    assert f"[{code}]" in ended.err
    assert said in ended.err
    assert attached(lab) == (0, 0)
    assert lab.registry.count("PUT", "/manifests/") == 0
    with services(lab) as flags:
        assert sign(lab, flags).code == 0
    assert attached(lab) == (1, 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(too_many("0"), method="POST", times=3),
        Fault(too_many("0"), method="PUT", times=3),
        Fault(too_many("0"), method="GET", times=3),
        Fault(always(Response(status=503)), method="PUT", times=2),
        Fault(always(Response(reset=True)), method="PUT", path="/blobs/", times=2),
        Fault(always(Response(reset=True)), method="PUT", path="/manifests/", times=2),
        Fault(always(Response(status=500)), method="GET", path="/manifests/sha256-", times=1),
        Fault(cut_short, method="GET", path="/manifests/", times=1),
        Fault(slow(0.001, 200), method="GET", path="/manifests/"),
    ],
)
def test_a_registry_that_hiccups(lab: SignLab, fault: Fault) -> None:
    """429, 5xx, and connections cut in the middle of a push: repeated until it is there."""
    lab.registry.faults.append(fault)
    ended = lab.sign("--timeout", "60", lab.image)
    assert ended.code == 0, ended.err
    assert (attached(lab), fault.taken > 0) == ((1, 1), True)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(always(Response(status=507, body=b"disk full")), method="PUT", path="/blobs/"),
        Fault(always(Response(status=413, body=b"too large")), method="PUT", path="/manifests/"),
        Fault(always(Response(status=403, body=b"denied")), method="POST"),
        Fault(always(Response(status=403, body=b"denied")), method="PUT", path="/manifests/", skip=1),
    ],
)
def test_a_registry_that_refuses(lab: SignLab, fault: Fault) -> None:
    """A clear failure; what is there already is whole; when it is well, a second run adds the rest."""
    lab.registry.faults.append(fault)
    ended = lab.sign(lab.image)
    assert ended.code == 2
    assert "[push-refused]" in ended.err or "[registry-unauthorized]" in ended.err
    assert attached(lab) in {(0, 0), (1, 0)}
    lab.registry.faults.clear()
    healed = lab.sign(lab.image)
    assert healed.code == 0, healed.err
    assert attached(lab) == (1, 1)


def test_a_service_that_drips(lab: SignLab) -> None:
    """A byte now and then does not hold the job for ever: the time for one image ends it."""
    with services(lab, fulcio=posts(slow(0.05, 1), FULCIO, times=None)) as flags:
        ended = sign(lab, flags, "--timeout", "1")
    assert ended.code == 2
    assert "[timeout]" in ended.err or "[deadline]" in ended.err
    assert attached(lab) == (0, 0)


NEW = timedelta(seconds=8)  # so long a certificate is not renewed; the first images have all begun by then
MANY = 8  # images; four are signed at once, and the other four when those are done


@contextmanager
def ageing(lab: SignLab, *later: Fault) -> Iterator[tuple[list[str], list[str], Fault]]:
    """Flags, images, and the log: it answers when the first certificate is about to end.

    `later` comes before Fulcio's second answer.
    """
    images = [f"group/many{number}" for number in range(MANY)]
    for image in images:
        push_image(lab.registry.store, image, content=image.encode())
    plan = lab.sigstore.leaf_plan().replace(life=ceremony.LEAST_LEFT + NEW)
    began: list[float] = []

    def certify(request: Request, honest: Handler) -> Response:
        began.append(time.monotonic())
        return honest(request)

    def wait(request: Request, honest: Handler) -> Response:
        while time.monotonic() - began[0] < NEW.total_seconds() + 0.5:
            time.sleep(0.05)
        return honest(request)

    log = posts(wait, REKOR, times=None)
    vars(lab.sigstore)["leaf_plan"] = lambda: plan
    first = posts(certify, FULCIO)
    with services(lab, fulcio=OneOf(first, *later), rekor=log) as flags:
        yield flags, [lab.registry.reference(image) for image in images], first


class OneOf(Fault):
    """The first of several faults that takes a request."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(self._answer)
        self._faults = faults
        self._chosen = faults[0]

    def takes(self, request: Request) -> bool:
        """Services answer one request at a time."""
        found = [fault for fault in self._faults if fault.takes(request)]
        self._chosen = found[0] if found else self._chosen
        return bool(found)

    def _answer(self, request: Request, honest: Handler) -> Response:
        return self._chosen.answer(request, honest)


def signed(lab: SignLab, images: list[str], *words: object) -> Ended:
    """Sign all with a new token."""
    os.environ["SIGSTORE_ID_TOKEN"] = lab.services.token()
    return run("sign", *words, *images)


@pytest.mark.slow
def test_a_certificate_that_ends_in_a_run_of_many_images(lab: SignLab) -> None:
    """A new one is asked for, with the same token; all are signed."""
    seen = Fault(lambda request, honest: honest(request), method="POST", path=FULCIO)
    with ageing(lab, seen) as (flags, images, _):
        ended = signed(lab, images, *flags)
    assert (ended.code, seen.taken > 0) == (0, True), ended.err
    assert [line.split()[0] for line in ended.out.splitlines() if line.startswith("signed")] == [
        "signed"
    ] * MANY


@pytest.mark.slow
def test_a_token_that_ends_in_a_run_of_many_images(lab: SignLab) -> None:
    """Fulcio's words for the images that are left, which have nothing attached; a second run signs those."""
    gone = Response(status=401, body=b'{"code":16,"message":"token is expired"}')
    with ageing(lab, posts(always(gone), FULCIO, times=None)) as (flags, images, _):
        ended = signed(lab, images, *flags)
        assert (ended.code, "[fulcio-refused]" in ended.err, "token is expired" in ended.err) == (
            2,
            True,
            True,
        )
    tags = [lab.registry.store.tags(f"group/many{number}") for number in range(MANY)]
    left = [each for each in tags if each == ["v1"]]
    assert 0 < len(left) < MANY
    assert all(len(each) == 3 for each in tags if each != ["v1"])  # v1, .sig and the fallback tag
    with services(lab) as flags:
        again = signed(lab, images, *flags)
    assert again.code == 0, again.err
    assert again.out.count("signed already") == MANY - len(left)
