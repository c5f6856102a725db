"""Which registries say that they keep signatures themselves: by the header of /v2/, at every place of a scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry.claims import HEADER, of_scopes
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError
from vouchsafe.testing.loopback import LoopbackServer, Request, Response

OwnHost = Callable[..., Settings]


def registry(status: int, **headers: str) -> LoopbackServer:
    """One that answers /v2/ so, and knows nothing else."""

    def answer(request: Request) -> Response:
        is_asked = request.path == "/v2/" and "authorization" not in request.headers
        return Response(status=status, headers=headers) if is_asked else Response(status=500)

    return LoopbackServer(answer)


def configured(settings: Settings, text: str) -> None:
    """registries.conf."""
    path = Path(settings.etc, "containers/registries.conf")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def insecure(server: LoopbackServer, more: str = "") -> str:
    """An entry for a registry without TLS."""
    return f'[[registry]]\nlocation = "{server.address}"\ninsecure = true\n{more}'


def asked(settings: Settings, *scopes: str) -> Mapping[str, bool | str]:
    """What they say."""
    client = HttpClient(retries=0)
    try:
        return of_scopes(client, settings, scopes)
    finally:
        client.close()


@pytest.mark.parametrize(
    "status, headers, claims",
    [(200, {}, False), (200, {HEADER: "1"}, True), (401, {HEADER: "1"}, True), (200, {HEADER: "0"}, False)],
)
def test_by_its_answer(own_host: OwnHost, status: int, headers: dict[str, str], claims: bool) -> None:
    """Also one that wants a password: clients look at the header all the same."""
    settings = own_host()
    with registry(status, **headers) as server:
        configured(settings, insecure(server))
        scopes = (f"{server.address}/group/app:v1", server.address, "*.example", "")
        assert asked(settings, *scopes) == {server.address: claims}


def test_at_every_place(own_host: OwnHost) -> None:
    """A mirror is asked in the registry's place; one that does not answer says why."""
    settings = own_host()
    with registry(200, **{HEADER: "1"}) as mirror, registry(200) as origin:
        more = f'[[registry.mirror]]\nlocation = "{mirror.address}"\ninsecure = true\n'
        configured(settings, insecure(origin, more))
        addresses = (mirror.address, origin.address)
        found = asked(settings, f"{origin.address}/group")
        assert found == dict(zip(addresses, (True, False), strict=True))
    silent = asked(settings, f"{origin.address}/group")
    assert all("got" in str(why) for why in silent.values())
    assert set(silent) == set(addresses)


def test_a_configuration_that_does_not_load(own_host: OwnHost) -> None:
    """Is the operator's."""
    settings = own_host()
    configured(settings, "[[")
    with pytest.raises(ConfigurationError):
        asked(settings, "r.example")
