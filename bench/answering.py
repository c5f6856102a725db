"""The service itself: answers under load, a start, and memory after many different images."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench import load
from bench.estate import Estate, Image
from bench.host import ACCEPTED, REJECTED, socket_activate, target_of
from bench.load import Load
from bench.stage import LOOPBACK
from vouchsafe.record import Record

RATE = 200.0  # requests a second
SHORTER = 1 / 3  # of the seconds of the first run
CALLERS = 4  # at a time, where only the sum counts
STEPS = 4  # at which memory is looked at


class Answered(Record):
    """A run under load."""

    name: str
    load: Load
    cpu_microseconds: float  # of the service, an answer
    rss_before: float  # MiB
    rss_after: float


class Started(Record):
    """From the first connection to the first answer, and CPU until then; `how`, in words."""

    how: str
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]


class Grown(Record):
    """The service after so many different images."""

    images: int
    rss_mib: float
    peak_mib: float
    store_mib: float
    cpu_seconds: float


def warm(place: Estate, seconds: float) -> tuple[Answered, ...]:
    """Images that it has in memory; the same while it judges others; and after a restart, each verified anew."""
    host, new = place.host, place.images.new
    host.forget()
    host.start()
    for image in place.images.warm:
        _demand(place, image)
    first = _under_load(place, "in memory", seconds)
    shorter = seconds * SHORTER
    with ThreadPoolExecutor(1) as beside:
        judged = beside.submit(_one_after_another, place, new, shorter / max(1, len(new)))
        name = f"… while {len(new) / shorter:.0f} new images a second are judged"
        second = _under_load(place, name, shorter)
        judged.result()
    host.stop()
    host.start()
    third = _under_load(place, "after a restart, from kept evidence", shorter)
    host.stop()
    return first, second, third


def _one_after_another(place: Estate, images: tuple[Image, ...], pause: float) -> None:
    """Each at its time, or as soon as the one before was answered."""
    began = time.monotonic()
    for number, image in enumerate(images):
        time.sleep(max(0.0, began + number * pause - time.monotonic()))
        _demand(place, image)


def _under_load(place: Estate, name: str, seconds: float) -> Answered:
    host = place.host
    targets = [target_of(_name(place, image), image.digest) for image in place.images.warm]
    rss, cpu = host.rss_mib(), host.cpu_seconds()
    measured = load.run(host.port, targets, rate=RATE, seconds=seconds)
    if set(measured.statuses) != {"200", "404"}:  # 404: there is no second signature
        raise RuntimeError(f"expected countersignatures, got {measured.statuses}")
    return Answered(
        name=name,
        load=measured,
        cpu_microseconds=1e6 * (host.cpu_seconds() - cpu) / len(measured.milliseconds),
        rss_before=rss,
        rss_after=host.rss_mib(),
    )


def start_up(place: Estate, rounds: int) -> Started:
    """A socket is open, nothing runs, somebody asks about an image of which evidence is kept."""
    host, image = place.host, place.images.warm[0]
    host.forget()
    host.start()
    _demand(place, image)
    host.stop()
    program = socket_activate()
    seconds, cpu = [], []
    uncounted = 1 if rounds > 1 else 0
    for _ in range(rounds + uncounted):
        if program is None:
            began = time.perf_counter()
            host.start()
        else:
            host.start([program, f"--listen=127.0.0.1:{host.port}", *host.serve_command()])
            began = time.perf_counter()
        _demand(place, image)
        seconds.append(time.perf_counter() - began)
        cpu.append(host.cpu_seconds())
        host.stop()
    how = "as a command (no systemd-socket-activate)" if program is None else "by socket activation"
    return Started(how=how, seconds=tuple(seconds[uncounted:]), cpu_seconds=tuple(cpu[uncounted:]))


def grow(place: Estate, progress: Callable[[str], None]) -> tuple[Grown, ...]:
    """Each of the many once, signed or not: nothing of an answer is at hand."""
    host, many = place.host, place.images.many
    host.forget()
    host.start()
    found, step = [_grown(place, 0)], max(1, len(many) // STEPS)
    with ThreadPoolExecutor(CALLERS) as callers:
        for begin in range(0, len(many), step):
            progress(f"different images: {begin} of {len(many)}")
            list(callers.map(lambda image: _demand(place, image), many[begin : begin + step]))
            found.append(_grown(place, min(begin + step, len(many))))
    host.stop()
    return tuple(found)


def _grown(place: Estate, images: int) -> Grown:
    host = place.host
    return Grown(
        images=images,
        rss_mib=host.rss_mib(),
        peak_mib=host.peak_mib(),
        store_mib=host.store_mib(),
        cpu_seconds=host.cpu_seconds(),
    )


def _demand(place: Estate, image: Image) -> None:
    wanted = ACCEPTED if image.signed else REJECTED
    status = place.host.ask(_name(place, image), image.digest)
    if status != wanted:
        raise RuntimeError(f"expected {wanted} for {image.repository}@{image.digest}, got {status}")


def _name(place: Estate, image: Image) -> str:
    return f"{place.stage.addresses[LOOPBACK]}/{image.repository}"
