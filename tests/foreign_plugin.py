"""A policy plugin that shares no code with ours: a list of digests that are allowed. `FLAW` breaks it in one way.

Its text is what runs: `tests/e2e/test_plugin_conformance.py` writes it out as an executable, with the names filled in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import time

TYPE_CHECKING = False  # importing typing would be a third of a start
if TYPE_CHECKING:
    from typing import Any, NoReturn

ALLOWED = {"NAME": "DIGEST"}
FLAW = ""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NAME = re.compile(r"[a-z0-9.:_/-]+(:[\w.-]+|@sha256:[0-9a-f]{64})", re.ASCII)


class Bad(Exception):
    """A request that is not one."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """No key twice."""
    if len(dict(pairs)) != len(pairs) and FLAW != "duplicate-keys":
        raise Bad("a key twice")
    return dict(pairs)


def constant(name: str) -> NoReturn:
    """No NaN."""
    raise Bad(name)


def need(condition: object, what: str) -> None:
    """Or it is a bad request."""
    if not condition:
        raise Bad(what)


def text(value: Any, what: str) -> str:
    """A short line."""
    need(isinstance(value, str) and len(value) < 5000 and value.isprintable(), what)
    return str(value)


def manifest(holder: dict[str, Any]) -> None:
    """If it is there, it is what its digest says."""
    if "manifest" in holder:
        raw = base64.b64decode(text(holder["manifest"], "manifest"), validate=True)
        same = hashlib.sha256(raw).hexdigest() == holder["digest"].removeprefix("sha256:")
        need(same or FLAW == "believes-bytes", "manifest")


def credentials(content: str) -> None:
    """Read, and not needed."""
    try:
        login = json.loads(content)
    except ValueError:
        if FLAW == "leaks-errors":
            print("cannot read", content, file=sys.stderr)
        raise
    if FLAW == "leaks":
        print("debug: authenticating with", login, file=sys.stderr)


def judge(blob: bytes) -> tuple[str, str | None, str, str, str]:
    """Decision, code and message, with the id and the digest."""
    need(len(blob) <= 16 << 20, "size")
    said = json.loads(blob.decode("utf-8"), object_pairs_hook=once, parse_constant=constant)
    need(isinstance(said, dict), "an object")
    said_id = text(said.get("id", ""), "id")
    need(len(said_id) < 200, "id")
    if said["operation"] == "describe":
        need(said["policyPlugin"] == 1 or FLAW != "describes-one", "version")
        return said_id, None, "describe", "", ""
    if FLAW == "forgets-deadline" and said.get("timeoutMs", 60_000) < 1000:
        time.sleep(60)  # as long as its own registry client waits, whatever the host has to spare
    need(said["policyPlugin"] == 1 and type(said["policyPlugin"]) is int, "version")
    need(said["operation"] == "judge", "operation")
    need(not said.get("requires") or FLAW == "ignores-requires", "capability")
    need(not said.get("config"), "config")
    need(type(said.get("timeoutMs", 1)) is int and said.get("timeoutMs", 1) > 0, "timeoutMs")
    if FLAW == "refuses-unknown":
        need(set(said) <= {"policyPlugin", "operation", "id", "image", "timeoutMs"}, "fields")
    image = said["image"]
    need(image["transport"] == "docker", "transport")
    text(image["digest"], "digest")
    digest = image["digest"].lower() if FLAW == "any-case" else image["digest"]
    need(DIGEST.fullmatch(digest), "digest")
    logical = text(image["logical"], "logical")
    need(NAME.fullmatch(logical) and ".." not in logical, "logical")
    text(image.get("physical", ""), "physical")
    manifest(image)
    manifest(image.get("list", {}))
    auth = text(said.get("credentials", {}).get("authFile", "/"), "authFile")
    need(auth.startswith("/"), "authFile")
    if auth != "/":
        with open(auth, encoding="utf-8") as file:
            credentials(file.read())
    if FLAW == "judges-physical":
        logical = image.get("physical", logical)
    if FLAW == "believes-list" and ALLOWED.get(logical) == image.get("list", {}).get("digest"):
        return said_id, digest, "allow", "", ""
    if ALLOWED.get(logical) == digest:
        return said_id, image["digest"], "allow", "", ""
    return said_id, digest, "deny", "not-listed", f"expected a digest of the list, got {digest}"


def read() -> bytes:
    """Standard input."""
    if FLAW == "reads-once":
        return os.read(0, 65536)
    return sys.stdin.buffer.read()


def answer(said_id: str, digest: str | None, word: str, code: str, message: str) -> int:
    """The response, and the exit code."""
    response: dict[str, Any] = {"policyPlugin": 1, "id": said_id, "plugin": {"name": "foreign"}}
    if word == "describe":
        response |= {"versions": [1], "capabilities": []}
    else:
        response |= {"decision": word, "digest": digest, "reason": {"code": code, "message": message}}
    if FLAW == "other-digest" and word == "allow":
        response["digest"] = "sha256:" + 64 * "2"
    if FLAW == "fixed-id":
        response["id"] = "conformance-1"
    if FLAW == "two-documents":
        os.write(1, b'{"progress": 1}\n')
    blob = json.dumps({k: v for k, v in response.items() if v is not None}).encode()
    if FLAW == "partial":
        blob = blob[: len(blob) // 2]
    stream = 2 if FLAW == "errors-only" else 1
    try:
        written = os.write(stream, blob) == len(blob)
    except OSError:
        written = FLAW == "ignores-errors"
    if FLAW == "always-0":
        return 0
    if FLAW == "allows-and-crashes" and word == "allow":
        os.kill(os.getpid(), 9)
    return {"allow": 0, "describe": 0, "deny": 1, "error": 2}[word] if written else 2


def main() -> int:
    """One question."""
    blob = read()
    if FLAW == "reads-nothing":
        return answer("conformance-1", next(iter(ALLOWED.values())), "allow", "", "")
    try:
        said = judge(blob)
    except (Bad, LookupError, TypeError, ValueError, RecursionError) as error:
        if FLAW == "crashes":
            raise
        said = ("", None, "error", "bad-request", f"expected a request, got {type(error).__name__}")
    return answer(*said)


if __name__ == "__main__":
    sys.exit(main())
