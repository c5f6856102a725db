"""An OpenPGP signature of the laboratory's image, by the host's own gpg and a key of the moment.

Only to ask clients whether they read such signatures: the key is made in a folder that is gone afterwards.
"""

from __future__ import annotations

import json

from vouchsafe.errors import Unavailable
from vouchsafe.host.laboratory import FOLDER, Probes
from vouchsafe.host.places import PUBLIC_MODE
from vouchsafe.host.pullers import Tools
from vouchsafe.record import Record

NAME = "openpgp"
_HOME = "/gnupg"
_KEY = "/openpgp.gpg"
_QUIET = ("--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
_GENERATE = ("--quick-generate-key", "probe@vouchsafe.invalid", "ed25519", "sign", "1d")


class Made(Record):
    """The folder of the lookaside, and the file with the public key."""

    name: str
    key: str


def lookaside(probes: Probes, tools: Tools) -> Made | None:
    """A lookaside with one OpenPGP signature; None without a gpg that can make one."""
    made = Made(name=NAME, key=f"{tools.scratch.root}{_KEY}")
    if tools.scratch.look(_KEY).kind == "file":
        return made
    gpg = tools.runner.find("gpg")
    if gpg is None:
        return None
    tools.scratch.put(f"{_HOME}/common.conf", b"", mode=PUBLIC_MODE)
    try:
        _gpg(tools, gpg, *_GENERATE)
        key = _gpg(tools, gpg, "--export")
        signed = _gpg(tools, gpg, "--sign", given=_payload(probes))
    except Unavailable:
        return None
    finally:
        _end_agent(tools)
    tools.scratch.put(f"{FOLDER}/lookaside/{NAME}/{probes.path}/signature-1", signed, mode=PUBLIC_MODE)
    tools.scratch.put(_KEY, key, mode=PUBLIC_MODE)
    return made


def _payload(probes: Probes) -> bytes:
    """containers-signature(5): simple signing, which wants `optional` as an object."""
    digest = probes.path.rpartition("@")[2].replace("=", ":")
    critical = {
        "type": "atomic container signature",
        "image": {"docker-manifest-digest": digest},
        "identity": {"docker-reference": probes.image.rpartition(":")[0]},
    }
    return json.dumps({"critical": critical, "optional": {}}).encode()


def _gpg(tools: Tools, gpg: str, *words: str, given: bytes = b"") -> bytes:
    environment = {**tools.environment, "GNUPGHOME": f"{tools.scratch.root}{_HOME}"}
    ended = tools.runner.run((gpg, *_QUIET, *words), given=given, environment=environment)
    if ended.status != 0 or (not ended.output and words != _GENERATE):
        raise Unavailable("program", f"expected gpg {words[0]} to succeed, got exit {ended.status}")
    return ended.output


def _end_agent(tools: Tools) -> None:
    """gpg leaves an agent behind that would hold the folder."""
    gpgconf = tools.runner.find("gpgconf")
    if gpgconf is not None:
        environment = {**tools.environment, "GNUPGHOME": f"{tools.scratch.root}{_HOME}"}
        tools.runner.run((gpgconf, "--kill", "all"), environment=environment)
