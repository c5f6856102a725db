"""What was put into force, compared with what stands in /etc/containers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import applied, document
from vouchsafe.policy.applied import Applied, difference, glass, in_force
from vouchsafe.policy.compile import Compiled, Host, compile_policy

HOST = Host(
    ca_path="/run/vouchsafe/ca.crt",
    lookaside="http://127.0.0.1:843",
    open_transports=("oci",),
    physical={"a.example": ("b.example", "c.example/d")},
)
ACCEPT, REJECT = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
BY_KEY = [{"type": "sigstoreSigned", "keyPath": "/a.pub"}]
ONE_DIGEST = f"a.example/b@sha256:{64 * '0'}"


def compiled() -> Compiled:
    """A compiled policy."""
    policy = {"default": REJECT, "transports": {"docker": {"a.example": BY_KEY}}}
    read = document.parse(json.dumps(policy).encode(), dialect="vouchsafe", source="policy.json")
    return compile_policy(read, HOST)


def changed(change: dict[str, Any], default: Any = REJECT) -> bytes:
    """The compiled policy with other docker scopes."""
    document = json.loads(compiled().policy)
    docker = document["transports"]["docker"] | change
    document["transports"]["docker"] = {scope: rule for scope, rule in docker.items() if rule is not None}
    return json.dumps(document | {"default": default}).encode()


@pytest.mark.parametrize(
    "on_disk",
    [
        compiled().policy,
        changed({}),
        changed({ONE_DIGEST: ACCEPT}),
        changed({"a.example": [{"keyPath": "/a.pub", "type": "sigstoreSigned"}]}),
    ],
)
def test_in_force(on_disk: bytes) -> None:
    """The same meaning, in whatever bytes; and a broken glass silences nothing else."""
    assert difference(compiled(), on_disk) == ""


@pytest.mark.parametrize(
    "on_disk, says",
    [
        (None, "got no file"),
        (b"{", "policy.json"),
        (changed({}, default=ACCEPT), "`default`"),
        (changed({"a.example": None}), "docker:a.example"),
        (changed({"a.example": REJECT}), "docker:a.example"),
        (changed({"b.example": BY_KEY}), "docker:b.example"),
        (changed({"b.example": ACCEPT}), "docker:b.example"),
        (changed({"b.example/c:tag": ACCEPT}), "docker:b.example/c:tag"),
        (changed({ONE_DIGEST: [*ACCEPT, *BY_KEY]}), "docker:a.example/b@sha256"),
        (changed({}).replace(b'"oci"', b'"dir"'), "oci:"),
    ],
)
def test_not_in_force(on_disk: bytes | None, says: str) -> None:
    """Any other difference is named."""
    assert says in difference(compiled(), on_disk)


def test_a_glass_breaks_what_the_policy_does_not_speak_of() -> None:
    """A digest that the policy itself refuses, and a scope of another transport, are no exceptions but edits."""
    scopes = {"docker": {"a.example": BY_KEY, ONE_DIGEST: REJECT}}
    strict = document.parse(
        json.dumps({"default": REJECT, "transports": scopes}).encode(), dialect="vouchsafe", source="policy"
    )
    meant = compile_policy(strict, HOST)
    said = json.loads(meant.policy)
    said["transports"]["docker"][ONE_DIGEST] = ACCEPT
    assert f"docker:{ONE_DIGEST}" in difference(meant, json.dumps(said).encode())
    said = json.loads(changed({ONE_DIGEST: ACCEPT}))
    said["transports"]["ostree"] = {ONE_DIGEST: ACCEPT}
    assert f"ostree:{ONE_DIGEST}" in difference(compiled(), json.dumps(said).encode())


def test_what_breaks_the_glass() -> None:
    """Single digests that anybody's image has, and nothing wider."""
    scopes = {ONE_DIGEST: ACCEPT, "a.example/c:tag": ACCEPT, f"a.example/d@sha256:{64 * '1'}": BY_KEY}
    policy = document.parse(
        json.dumps({"default": REJECT, "transports": {"docker": scopes}}).encode(),
        dialect="containers",
        source="policy.json",
    )
    assert glass(policy) == (ONE_DIGEST,)


def test_the_record_is_read_as_it_was_written() -> None:
    """With every field."""
    record = Applied(
        epoch="00ff", host=HOST, files={"/etc/a": "00"}, insecure_default=True, at="2026-01-01T00:00:00Z"
    )
    assert applied.parse(applied.write(record)) == record


@pytest.mark.parametrize("blob", [b"", b"{}", b"[]", b'{"schemaVersion": 2}'])
def test_what_is_no_record(blob: bytes) -> None:
    """With a code."""
    with pytest.raises(ConfigurationError) as refused:
        applied.parse(blob)
    assert refused.value.code == "host-applied"


def test_a_form_that_nobody_knows_is_no_record() -> None:
    """A later release's, perhaps: nothing is countersigned by guessing."""
    record = Applied(epoch="00ff", host=HOST, files={}, insecure_default=False, at="")
    with pytest.raises(ConfigurationError) as refused:
        applied.parse(applied.write(record).replace(b'"pki"', b'"smoke signals"'))
    assert refused.value.code == "host-applied"


def test_what_is_in_force_is_what_it_compiles_to() -> None:
    """Both files; else it is edited, not applied."""
    policy = {"default": REJECT, "transports": {"docker": {"a.example": BY_KEY}}}
    ours = document.parse(json.dumps(policy).encode(), dialect="vouchsafe", source="policy.json")
    record = Applied(epoch="00ff", host=HOST, files={}, insecure_default=False, at="")
    wanted = compiled()
    assert in_force(ours, record, wanted.policy, wanted.registries or None).policy == wanted.policy
    for on_disk, registries in ((None, wanted.registries), (wanted.policy, b"docker: {}\n")):
        with pytest.raises(ConfigurationError, match="edited, not applied") as refused:
            in_force(ours, record, on_disk, registries)
        assert refused.value.code == "not-applied"
