"""`vouchsafe trust` as a person runs it: what is printed where, and with which exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli_lab import Ended, run
from tests.tuf_repository import TufRepository
from vouchsafe.testing.loopback import LoopbackServer
from vouchsafe.testing.sigstore import VirtualSigstore

OLD = VirtualSigstore("old", name="old.example").trusted_root()
NEW = VirtualSigstore("new", name="new.example").trusted_root()


@pytest.fixture
def trust(tmp_path: Path) -> Callable[..., Ended]:
    """Runs `vouchsafe trust` with a cache of its own."""
    return lambda action, *words: run("trust", action, "--cache-dir", tmp_path / "cache", *words)


class Private:
    """A private repository and the flags that name it."""

    def __init__(self, server: LoopbackServer, repository: TufRepository, root: Path) -> None:
        self.server = server
        self.repository = repository
        root.write_bytes(repository.bootstrap)
        self.flags = ("--tuf-url", server.url, "--tuf-root", str(root))


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Private]:
    """It serves the old root."""
    repository = TufRepository(OLD)
    with LoopbackServer(repository.answer) as server:
        yield Private(server, repository, tmp_path / "root.json")


def test_show(trust: Callable[..., Ended]) -> None:
    """What is embedded, in one screen: sources, names, windows, fingerprints."""
    said = trust("show")
    assert said.code == 0
    assert said.out.startswith("trust root  Sigstore public good, as vouchsafe ")
    assert "current  rekor.sigstore.dev " in said.out
    assert re.search(r"ended +CN=sigstore,O=sigstore.dev +2021-03-07 to 2022-12-31 +ECDSA P-384", said.out)
    lines = said.out.splitlines()
    assert (len(lines) <= 24, max(map(len, lines)) <= 120) == (True, True)


def test_show_more(trust: Callable[..., Ended]) -> None:
    """`-v` adds whole fingerprints, addresses and anchors."""
    out = trust("show", "-v").out
    assert "3ba7b6cc4e95469d4d334b49cb257ad8537076fa84b0ca87ff4ecfe6a54680c1" in out
    assert "anchored in CN=sigstore,O=sigstore.dev" in out
    assert "at https://fulcio.sigstore.dev" in out


def test_show_as_json(trust: Callable[..., Ended]) -> None:
    """The documented document."""
    found = trust("show", "-o", "json").json
    assert found["source"]["kind"] == "embedded"
    assert len(found["believed"]) == 7


def test_show_a_file(trust: Callable[..., Ended], tmp_path: Path) -> None:
    """A private root that ends soon is shown, and warned of on standard error, with exit code 0."""
    document = json.loads(OLD)
    soon = datetime.now(UTC) + timedelta(days=7, minutes=1)
    document["tlogs"][0]["publicKey"]["validFor"]["end"] = f"{soon:%FT%TZ}"
    path = tmp_path / "root.json"
    path.write_text(json.dumps(document))
    said = trust("show", "--trusted-root", str(path))
    assert (said.code, f"trust root  {path}" in said.out) == (0, True)
    assert f"the transparency log rekor1.old.example ends on {soon:%F}, in 7 days" in said.err
    assert trust("show", "--trusted-root", str(path), "-o", "json").json["warnings"] != []


def test_names_are_printed_escaped(trust: Callable[..., Ended], tmp_path: Path) -> None:
    """A root from elsewhere cannot drive the terminal (gh GHSA-crc3-h8v6-qh57)."""
    document = json.loads(OLD)
    document["tlogs"][0]["baseUrl"] = "https://\x1b[2Jevil.example"
    path = tmp_path / "root.json"
    path.write_text(json.dumps(document))
    assert "\x1b" not in trust("show", "-v", "--trusted-root", str(path)).out


def test_refresh_a_private_repository(trust: Callable[..., Ended], private: Private) -> None:
    """The root is kept beside the public-good one, and its path is printed, to be named elsewhere."""
    said = trust("refresh", *private.flags)
    assert (said.code, said.err) == (0, "")
    assert "refreshed  from " + private.server.url in said.out
    assert "+ transparency log rekor1.old.example" in said.out
    path = said.out.rpartition("--trusted-root ")[2].strip()
    assert Path(path).read_bytes() == OLD
    assert trust("show", "--trusted-root", path).code == 0
    assert trust("show", "-o", "json").json["source"]["kind"] == "embedded"


def test_refresh_says_what_changed(trust: Callable[..., Ended], private: Private) -> None:
    """Who came and who went."""
    trust("refresh", *private.flags)
    assert "nothing has changed" in trust("refresh", *private.flags).out
    private.repository.publish_target(NEW)
    said = trust("refresh", *private.flags)
    assert "+ certificate log ctlog.new.example" in said.out
    assert "- certificate log ctlog.old.example" in said.out


def test_refresh_as_json(trust: Callable[..., Ended], private: Private) -> None:
    """The documented document, dry or not."""
    dry = trust("refresh", "--dry-run", "-o", "json", *private.flags).json
    assert (dry["kept"], dry["targetsVersion"], len(dry["added"])) == (None, 1, 5)
    assert trust("refresh", "-o", "json", *private.flags).json["kept"].endswith("delivery.json")


def test_a_dry_run_says_so(trust: Callable[..., Ended], private: Private, tmp_path: Path) -> None:
    """Nothing is kept."""
    assert "not kept: this was a dry run" in trust("refresh", "--dry-run", *private.flags).out
    assert (tmp_path / "cache").exists() is False


def test_a_mirror_that_is_not_sigstore(trust: Callable[..., Ended], private: Private) -> None:
    """Without --tuf-root the embedded root decides, and it knows nobody here."""
    private.repository.rotate("root")
    for version in range(2, 40):
        private.repository.files[f"/{version}.root.json"] = private.repository.files["/2.root.json"]
    said = trust("refresh", "--tuf-url", private.server.url)
    assert (said.code, "refused: " in said.err, "[tuf-" in said.err) == (1, True, True)


def test_an_older_repository_is_refused(trust: Callable[..., Ended], private: Private) -> None:
    """A rollback is a refusal: exit code 1, a reason, a hint, and the last root stays."""
    old = dict(private.repository.files)
    private.repository.publish_target(NEW)
    trust("refresh", *private.flags)
    private.repository.files.clear()
    private.repository.files.update(old)
    said = trust("refresh", *private.flags)
    assert (said.code, "[tuf-rollback]" in said.err, "hint: The mirror serves older" in said.err) == (
        1,
        True,
        True,
    )


def test_offline(trust: Callable[..., Ended], private: Private) -> None:
    """No answer is undecided, and pulls go on."""
    private.server.close()
    said = trust("refresh", *private.flags)
    assert (said.code, "[connection-refused]" in said.err, "stays as it is" in said.err) == (2, True, True)


@pytest.mark.parametrize(
    "words, code, error",
    [
        (
            ("show", "--trusted-root", "/nonexistent"),
            78,
            "expected a trusted root at /nonexistent, got nothing",
        ),
        (("show", "--trusted-root", ""), 64, "expected a value"),
        (("refresh", "--tuf-root", "/nonexistent"), 64, "expected --tuf-url beside --tuf-root"),
        (("refresh", "--tuf-url", "ftp://tuf.example"), 64, "expected an http or https URL"),
        (("refresh", "--tuf-url", "http://127.0.0.1:1", "--tuf-root", "/nonexistent"), 78, "/nonexistent"),
        (("refresh", "--no-such-flag"), 64, "got --no-such-flag"),
        (("explain",), 64, "to be one of"),
    ],
)
def test_mistakes(trust: Callable[..., Ended], words: tuple[str, ...], code: int, error: str) -> None:
    """Each mistake has its exit code and its sentence, and prints no result."""
    said = trust(*words)
    assert (said.code, error in said.err, said.out) == (code, True, "")


@pytest.mark.parametrize("action", ["show", "refresh"])
def test_help(trust: Callable[..., Ended], action: str) -> None:
    """Every action shows examples."""
    said = trust(action, "--help")
    assert (said.code, f"examples:\n  vouchsafe trust {action}" in said.out) == (0, True)
