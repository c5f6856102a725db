"""What the guard says of a configuration, setting by setting, and of the policy behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import ACCEPT, OURS, REJECT, Host, Said, Script
from vouchsafe.errors import ConfigurationError
from vouchsafe.host.containerd import dropin, guard, settings
from vouchsafe.host.containerd.bindir import SHIPPED
from vouchsafe.host.containerd.settings import CONFIG, CRI, IMAGES, TRANSFER, VERIFIER, Settings, Table
from vouchsafe.policy import document

IMAGE_DEFAULTS: dict[str, Any] = {
    "snapshotter": "overlayfs",
    "use_local_image_pull": False,
    "max_concurrent_downloads": 3,
    "discard_unpacked_layers": False,
    "disable_snapshot_annotations": True,
    "image_pull_with_sync_fs": False,
    "pinned_images": {"sandbox": "registry.example/pause:3"},
    "registry": {"config_path": "/etc/containerd/certs.d"},
}
GOOD_VERIFIER = {"bin_dir": SHIPPED, "max_verifiers": -1, "per_verifier_timeout": "30s"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with our verifier where packages put it."""
    made = Host(tmp_path)
    made.write("/etc/hostname", "x")
    made.write(f"{SHIPPED}/vouchsafe", "#!/bin/sh\n", 0o755)
    return made


def told(
    verifier: dict[str, Any] | None = None, *, disabled: tuple[str, ...] = (), **images: Any
) -> Settings:
    """A containerd that is told this, beyond what is good."""
    return Settings(
        source="containerd config dump",
        verifier=Table(VERIFIER, GOOD_VERIFIER | (verifier or {})),
        images=Table(IMAGES, IMAGE_DEFAULTS | images),
        transfer=Table(TRANSFER, {}),
        disabled=disabled,
    )


def codes(found: Settings, host: Host) -> list[str]:
    """What refuses."""
    return [each.code for each in guard.objections(found, host.files) if each.severity == "refuses"]


def test_what_is_good(host: Host) -> None:
    """Nothing speaks against it."""
    assert list(guard.objections(told(), host.files)) == []


def test_what_we_ship_is_good(host: Host) -> None:
    """The file that packages install is what the command prints, and the guard passes it."""
    shipped = Path(__file__).parents[4] / "deploy/containerd/conf.d/50-vouchsafe.toml"
    assert shipped.read_text() == dropin.text()
    host.write(CONFIG, dropin.MAIN)
    host.write(dropin.PATH, dropin.text())
    assert list(guard.objections(settings.read(host.files, CONFIG), host.files)) == []


@pytest.mark.parametrize(
    "images, code",
    [
        ({"use_local_image_pull": True}, "containerd-local-pull"),
        ({"max_concurrent_downloads": 0}, "containerd-downloads"),
        ({"max_concurrent_downloads": 10}, "containerd-downloads"),
        ({"discard_unpacked_layers": True}, "containerd-discards-layers"),
        ({"disable_snapshot_annotations": False}, "containerd-snapshot-annotations"),
        ({"image_pull_with_sync_fs": True}, "containerd-sync-fs"),
        ({"registry": {"mirrors": {"docker.io": {}}}}, "containerd-registry-tables"),
        ({"registry": {"configs": {"docker.io": {}}}}, "containerd-registry-tables"),
        ({"registry": {"auths": {"docker.io": {}}}}, "containerd-registry-tables"),
    ],
)
def test_what_makes_cri_pull_by_itself(host: Host, images: dict[str, Any], code: str) -> None:
    """Each by its own code, with what to write; of no concern where CRI is not served."""
    (objection,) = guard.objections(told(**images), host.files)
    assert (objection.code, objection.severity) == (code, "refuses")
    assert next(iter(images)) in objection.message
    assert objection.fix
    assert codes(told(disabled=(CRI,), **images), host) == []


@pytest.mark.parametrize(
    "timeout, fine",
    [
        ("30s", True),
        ("25s", True),
        ("1m0s", True),
        ("0.5h", True),
        ("24.9s", False),
        ("10s", False),
        ("0s", False),
        ("0", False),
        ("30", False),
        ("-30s", False),
        ("forever", False),
        ("", False),
        ("30s x", False),
        ("30000ms", True),
    ],
)
def test_how_long_containerd_waits(host: Host, timeout: str, fine: bool) -> None:
    """Longer than ours takes to give up; what is no duration is not long enough."""
    assert codes(told({"per_verifier_timeout": timeout}), host) == ([] if fine else ["containerd-timeout"])


@pytest.mark.parametrize("plugin", [VERIFIER, TRANSFER])
def test_disabled_plugins(host: Host, plugin: str) -> None:
    """Nobody is asked, or nothing can be pulled."""
    assert codes(told(disabled=(plugin,)), host) == ["containerd-plugin-disabled"]


def test_a_containerd_without_the_verifier(host: Host) -> None:
    """Debian 13's 1.7: it names no such plugin, whatever its version says."""
    answer = f"version = 3\n[plugins.'{TRANSFER}']\n[plugins.'{IMAGES}']\nuse_local_image_pull = false\n"
    script = Script({"containerd": lambda _: Said(output=answer.encode())})
    assert codes(settings.ask(script, "containerd", CONFIG), host) == ["containerd-too-old"]


def test_a_cri_that_cannot_ask(host: Host) -> None:
    """containerd 2.0 has a verifier, and a CRI that always pulls by itself: it has no setting for that."""
    without = {key: value for key, value in IMAGE_DEFAULTS.items() if key != "use_local_image_pull"}
    assert codes(told().replace(images=Table(IMAGES, without)), host) == ["containerd-cri-too-old"]
    assert codes(told().replace(images=None), host) == ["containerd-cri-too-old"]


def test_verify_on_run(host: Host) -> None:
    """A question of newer releases that this version does not know."""
    assert codes(told({"verify_on_run": True}), host) == ["containerd-verify-on-run"]


def test_the_folder_counts(host: Host) -> None:
    """By the name that containerd is told, or its own."""
    assert codes(told({"bin_dir": "/nowhere"}), host) == ["containerd-bin-dir-missing"]
    nothing = told().replace(verifier=Table(VERIFIER, {}))
    assert codes(nothing, host) == ["containerd-bin-dir-missing", "containerd-timeout"]


def test_values_that_containerd_would_not_load(host: Host) -> None:
    """Are an error and no pass."""
    with pytest.raises(ConfigurationError):
        codes(told({"max_verifiers": "1"}), host)
    with pytest.raises(ConfigurationError):
        codes(told(use_local_image_pull="no"), host)


def test_a_snapshotter_that_the_transfer_service_does_not_know(host: Host) -> None:
    """Then pulls through CRI fail: closed, and said."""
    found = told(snapshotter="native")
    (objection,) = guard.objections(found, host.files)
    assert (objection.code, objection.severity) == ("containerd-snapshotter", "warns")
    known = found.replace(transfer=Table(TRANSFER, {"unpack_config": [{"snapshotter": "native"}]}))
    assert list(guard.objections(known, host.files)) == []


def policy(scopes: dict[str, Any]) -> Any:
    """A policy that rejects, but for these scopes."""
    said = {"default": [REJECT], "transports": {"docker": scopes}}
    return document.parse(json.dumps(said).encode(), dialect="vouchsafe", source="policy.json")


def test_the_image_of_every_pod() -> None:
    """A policy that rejects it keeps pods from starting on a new node; so does one that names it nowhere."""
    found = [
        [each.code for each in guard.policy_objections(known, told())]
        for known in (
            None,
            policy({}),
            policy({"": [ACCEPT]}),
            policy({"registry.example/pause": [OURS]}),
            policy({"registry.example": [ACCEPT]}),
        )
    ]
    assert found == [
        ["containerd-policy-missing"],
        ["containerd-sandbox-refused"],
        ["containerd-sandbox-refused"],
        [],
        ["containerd-unverified"],
    ]


def test_what_is_let_through_is_said() -> None:
    """As a warning, with some names."""
    many = policy({f"r{number}.example": [ACCEPT] for number in range(5)})
    (objection,) = guard.policy_objections(many, told(disabled=(CRI,)))
    assert (objection.code, objection.severity) == ("containerd-unverified", "warns")
    assert "r0.example, r1.example, r2.example and 2 more" in objection.message


@pytest.mark.parametrize("pause", ["", "UPPER/case"])
def test_no_image_of_every_pod(pause: str) -> None:
    """Nothing to say."""
    found = told(pinned_images={"sandbox": pause})
    assert list(guard.policy_objections(policy({}), found)) == []
    assert list(guard.policy_objections(policy({}), told(disabled=(CRI,)))) == []


def test_what_walks_around_it() -> None:
    """Programs on this host, as warnings."""
    found = list(guard.past_it(Script({"ctr": lambda _: Said(), "buildkitd": lambda _: Said()})))
    assert [(each.code, each.severity) for each in found] == [("containerd-walked-around", "warns")] * 2
    assert "--local" in found[0].message
