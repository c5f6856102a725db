"""registries.conf and auth files beside skopeo: the same file, the same image, the same hosts asked.

podman on a host reads the file that we read. Where the two would look in different places, one of them
would judge an image that the other does not pull.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry import RegistryClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.testing.registry import BasicAccess, RegistryServer, TokenAccess, push_image

pytestmark = pytest.mark.peers
Asked = list[tuple[str, str]]


class Three:
    """Registries A, B and C, who write down which manifests they were asked for."""

    def __init__(self) -> None:
        self.servers = {name: RegistryServer() for name in "ABC"}

    def text(self, template: str) -> str:
        """A file in which A, B and C stand for their addresses."""
        for name, server in self.servers.items():
            template = template.replace(f"{{{name}}}", server.address)
        return template

    def fill(self, places: str) -> Digest:
        """Put one image at places such as `B/m/app`."""
        digest = Digest.of(b"")
        for place in places.split():
            name, _, repository = place.partition("/")
            digest = push_image(self.servers[name].store, repository)
        return digest

    def asked(self) -> Asked:
        """Which manifests whom, since the last question."""
        seen = [
            (name, request.path.removeprefix("/v2/"))
            for name, server in self.servers.items()
            for request in server.requests
            if "/manifests/" in request.path
        ]
        for server in self.servers.values():
            server.requests.clear()
        return list(dict.fromkeys(seen))


@pytest.fixture
def three() -> Iterator[Three]:
    """Three registries."""
    made = Three()
    yield made
    for server in made.servers.values():
        server.close()


def by_skopeo(skopeo: Path, reference: str, *flags: str) -> str:
    """The digest that skopeo finds, "" for none."""
    done = subprocess.run(
        [skopeo, *flags, "inspect", "--raw", "--retry-times", "0", f"docker://{reference}"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    return str(Digest.of(done.stdout)) if done.returncode == 0 else ""


def by_us(reference: str, settings: Settings) -> str:
    """The digest that we find, "" for none."""
    http = HttpClient(seconds=10, retries=0)
    try:
        manifest = RegistryClient(http, settings).manifest(Reference.parse(reference), None)
    except VouchsafeError:
        return ""
    finally:
        http.close()
    return str(manifest.digest) if manifest else ""


def entry(prefix: str, location: str, *mirrors: str, more: str = "") -> str:
    """One [[registry]] with insecure endpoints."""
    text = f'[[registry]]\nprefix = "{prefix}"\n' if prefix else "[[registry]]\n"
    text += f'location = "{location}"\n' if location else ""
    text += f"insecure = true\n{more}\n"
    for mirror in mirrors:
        place, _, pull = mirror.partition(" ")
        text += f'[[registry.mirror]]\nlocation = "{place}"\ninsecure = true\n'
        text += f'pull-from-mirror = "{pull}"\n' if pull else ""
    return text


# name: (file, image asked for, where the image is)
CASES: dict[str, tuple[str, str, str]] = {
    "the primary": (entry("r.example", "{A}"), "r.example/app:v1", "A/app"),
    "a path in the location": (entry("r.example", "{A}/deep/er"), "r.example/app:v1", "A/deep/er/app"),
    "a path in the prefix": (entry("r.example/team", "{A}"), "r.example/team/app:v1", "A/app"),
    "not the prefix's neighbour": (entry("r.example/team", "{A}"), "r.example/teams/app:v1", "A/app A/s/app"),
    "the longest prefix": (
        entry("r.example", "{A}") + entry("r.example/team", "{B}") + entry("r.example/team/app", "{C}/x"),
        "r.example/team/app:v1",
        "A/team/app B/app C/x",
    ),
    "the order in the file does not matter": (
        entry("r.example/team", "{B}") + entry("r.example", "{A}"),
        "r.example/team/app:v1",
        "A/team/app B/app",
    ),
    "a mirror": (entry("r.example", "{A}", "{B}/m"), "r.example/app:v1", "A/app B/m/app"),
    "an empty mirror": (entry("r.example", "{A}", "{B}/m"), "r.example/app:v1", "A/app"),
    "two empty mirrors": (entry("r.example", "{A}", "{B}", "{C}"), "r.example/app:v1", "A/app"),
    "nowhere": (entry("r.example", "{A}", "{B}"), "r.example/app:v1", ""),
    "a tag at a digest mirror": (
        entry("r.example", "{A}", "{B} digest-only"),
        "r.example/app:v1",
        "A/app B/app",
    ),
    "a digest at a digest mirror": (
        entry("r.example", "{A}", "{B} digest-only"),
        "r.example/app@",
        "A/app B/app",
    ),
    "a tag at a tag mirror": (entry("r.example", "{A}", "{B} tag-only"), "r.example/app:v1", "A/app B/app"),
    "a digest at a tag mirror": (entry("r.example", "{A}", "{B} tag-only"), "r.example/app@", "A/app B/app"),
    "all": (entry("r.example", "{A}", "{B} all"), "r.example/app@", "A/app B/app"),
    "mirror-by-digest-only, tag": (
        entry("r.example", "{A}", "{B}", more="mirror-by-digest-only = true"),
        "r.example/app:v1",
        "A/app B/app",
    ),
    "mirror-by-digest-only, digest": (
        entry("r.example", "{A}", "{B}", more="mirror-by-digest-only = true"),
        "r.example/app@",
        "A/app B/app",
    ),
    "a wildcard": (entry("*.example", "{A}"), "r.example/app:v1", "A/app"),
    "a wildcard of many labels": (entry("*.example", "{A}"), "a.b.c.example/app:v1", "A/app"),
    "a wildcard with a port": (entry("*.example", "{A}/x"), "r.example/app:v1", "A/x/app"),
    "a wildcard is not the domain itself": (entry("*.r.example", "{A}"), "r.example/app:v1", "A/app"),
    "a wildcard and a host": (
        entry("*.example", "{A}") + entry("r.example", "{B}"),
        "r.example/app:v1",
        "A/app B/app",
    ),
    "a host and a wildcard": (
        entry("r.example", "{B}") + entry("*.example", "{A}"),
        "r.example/app:v1",
        "A/app B/app",
    ),
    "blocked": (entry("", "{A}", more="blocked = true"), "{A}/app:v1", "A/app"),
    "a blocked location": (
        entry("r.example", "{A}/x", "{B}") + entry("", "{A}", more="blocked = true"),
        "r.example/app:v1",
        "A/x/app",
    ),
    "a blocked mirror": (
        entry("r.example", "{A}", "{B}/x") + entry("", "{B}", more="blocked = true"),
        "r.example/app:v1",
        "A/app B/x/app",
    ),
    "blocked elsewhere": (
        entry("r.example/bad", "{A}", more="blocked = true") + entry("r.example", "{B}"),
        "r.example/app:v1",
        "B/app",
    ),
    "the same prefix twice": (
        entry("r.example", "{A}") + entry("r.example", "{B}"),
        "r.example/app:v1",
        "A/app B/app",
    ),
    "no prefix": (entry("", "{A}"), "{A}/app:v1", "A/app"),
    "a trailing slash": (entry("r.example/", "{A}/"), "r.example/app:v1", "A/app"),
    "a scheme": (entry("r.example", "http://{A}"), "r.example/app:v1", "A/app"),
    "no location": (entry("r.example", ""), "r.example/app:v1", "A/app"),
    "a contradiction": (
        entry("r.example", "{A}") + entry("s.example", "{A}", more="blocked = true"),
        "r.example/app:v1",
        "A/app",
    ),
    "pull-from-mirror at the primary": (
        entry("r.example", "{A}", more='pull-from-mirror = "all"'),
        "r.example/app:v1",
        "A/app",
    ),
    "both restrictions": (
        entry("r.example", "{A}", "{B} all", more="mirror-by-digest-only = true"),
        "r.example/app:v1",
        "A/app B/app",
    ),
    "an unknown pull-from-mirror": (entry("r.example", "{A}", "{B} some"), "r.example/app:v1", "A/app"),
    "an unknown key": (entry("r.example", "{A}", more="unknown = 1"), "r.example/app:v1", "A/app"),
    "not TOML": ("[[registry", "r.example/app:v1", "A/app"),
}


@pytest.mark.parametrize("name", CASES)
def test_registries_conf(three: Three, skopeo: Path, tmp_path: Path, name: str) -> None:
    """skopeo and we ask the same hosts for the same names, in the same order, and find the same."""
    template, asked_for, places = CASES[name]
    digest = three.fill(places)
    conf = tmp_path / "registries.conf"
    conf.write_text(three.text(template))
    reference = three.text(asked_for) + (str(digest) if asked_for.endswith("@") else "")
    theirs = by_skopeo(skopeo, reference, "--registries-conf", str(conf)), three.asked()
    none = str(tmp_path / "none")
    settings = Settings(registries_conf=str(conf), etc=none, share=none, run=none)
    assert (by_us(reference, settings), three.asked()) == theirs


def test_where_we_are_stricter(three: Three, skopeo: Path, tmp_path: Path) -> None:
    """Blocked is blocked, mirrors and new locations included; version 1 is refused as newer podman does."""
    three.fill("A/app B/app")
    none = str(tmp_path / "none")
    seen = []
    for template, asked_for in (
        (entry("r.example", "{A}", more="blocked = true"), "r.example/app:v1"),
        (entry("", "{A}", "{B}", more="blocked = true"), "{A}/app:v1"),
        ('[registries.insecure]\nregistries = ["{A}"]\n', "{A}/app:v1"),
    ):
        conf = tmp_path / "registries.conf"
        conf.write_text(three.text(template))
        reference = three.text(asked_for)
        settings = Settings(registries_conf=str(conf), etc=none, share=none, run=none)
        theirs = by_skopeo(skopeo, reference, "--registries-conf", str(conf))
        seen.append((bool(theirs), bool(by_us(reference, settings))))
    assert seen == [(True, False)] * 3


AUTHS: dict[str, Callable[[str], dict[str, str]]] = {
    "host": lambda host: {host: "me:hunter2"},
    "namespace": lambda host: {f"{host}/group": "me:hunter2", host: "other:x"},
    "repository": lambda host: {f"{host}/group/app": "me:hunter2", f"{host}/group": "other:x"},
    "another repository": lambda host: {f"{host}/group/other": "me:hunter2"},
    "a neighbour": lambda host: {f"{host}/grou": "me:hunter2"},
    "with a tag": lambda host: {f"{host}/group/app:v1": "me:hunter2"},
    "as a URL": lambda host: {f"https://{host}/v1/": "me:hunter2"},
    "as a plain URL": lambda host: {f"http://{host}": "me:hunter2"},
    "the wrong password": lambda host: {host: "me:hunter3"},
    "nobody": lambda host: {},
}


@pytest.mark.parametrize("access", [BasicAccess, TokenAccess])
@pytest.mark.parametrize("name", AUTHS)
def test_auth_files(
    skopeo: Path, tmp_path: Path, name: str, access: Callable[[dict[str, str]], BasicAccess | TokenAccess]
) -> None:
    """The same entries let skopeo and us in."""
    with RegistryServer(access=access({"me": "hunter2"})) as server:
        push_image(server.store, "group/app")
        reference = server.reference("group/app")
        entries = {
            key: {"auth": base64.b64encode(pair.encode()).decode()}
            for key, pair in AUTHS[name](server.address).items()
        }
        path = tmp_path / "auth.json"
        path.write_text(json.dumps({"auths": entries}))
        done = subprocess.run(
            [skopeo, "inspect", "--raw", "--tls-verify=false", "--authfile", path, f"docker://{reference}"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        none = str(tmp_path / "none")
        settings = Settings(authfile=str(path), tls_verify=False, etc=none, share=none, run=none)
        assert bool(by_us(reference, settings)) == (done.returncode == 0)
