"""WWW-Authenticate: what registries really send, and what nobody should guess at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.adapters.registry.challenge import LONGEST, parse
from vouchsafe.errors import MalformedError

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"'
GOOD = {
    HUB: [
        (
            "bearer",
            {
                "realm": "https://auth.docker.io/token",
                "service": "registry.docker.io",
                "scope": "repository:a/b:pull",
            },
        )
    ],
    'Basic realm="Registry Realm"': [("basic", {"realm": "Registry Realm"})],
    "Basic realm=simple": [("basic", {"realm": "simple"})],
    "BASIC Realm = simple": [("basic", {"realm": "simple"})],
    'Bearer realm="https://a/t" , service = "s"': [("bearer", {"realm": "https://a/t", "service": "s"})],
    'Bearer realm="https://a/t",,service="s",': [("bearer", {"realm": "https://a/t", "service": "s"})],
    'Bearer realm="a, Basic b=\\"c\\""': [("bearer", {"realm": 'a, Basic b="c"'})],
    'Basic realm="x", Bearer realm="https://a/t",scope="repository:a:pull,push"': [
        ("basic", {"realm": "x"}),
        ("bearer", {"realm": "https://a/t", "scope": "repository:a:pull,push"}),
    ],
    "Negotiate, Basic realm=x": [("negotiate", {}), ("basic", {"realm": "x"})],
    "Negotiate oQcwBaADCgEB==, Basic realm=x": [("negotiate", {}), ("basic", {"realm": "x"})],
    "Negotiate": [("negotiate", {})],
    'Bearer realm="",service=""': [("bearer", {"realm": "", "service": ""})],
    "Bearer realm=": [("bearer", {})],  # RFC 9110 §11.2 reads that as token68
    "": [],
    " , ,": [],
}
BAD = [
    'Bearer realm="https://a/t',
    'Bearer realm="a" service="b"',
    'Bearer realm="a",realm="b"',
    'Bearer realm="a",REALM="b"',
    'Bearer realm=https://a/t,service="s"',
    'Bearer realm="a\x00b"',
    "=x",
    '"Bearer"',
    "Basic realm=x; charset=utf-8",
    "a " + "x" * LONGEST,
    ", ".join(f"Scheme{number} a=b" for number in range(20)),
]


@pytest.mark.parametrize("header", GOOD)
def test_reads(header: str) -> None:
    """Schemes and parameter names in lower case, values as they are."""
    assert [(each.scheme, each.parameters) for each in parse(header)] == GOOD[header]


@pytest.mark.parametrize("header", BAD)
def test_refuses(header: str) -> None:
    """What does not follow RFC 9110 §11.6.1 decides nothing."""
    with pytest.raises(MalformedError):
        parse(header)


@given(st.text(alphabet=st.sampled_from('aB= ,"\\;/:\t\x00\n~é'), max_size=60) | st.text())
def test_any_header(header: str) -> None:
    """Challenges or MalformedError, never anything else, and never for ever."""
    try:
        found = parse(header)
    except MalformedError:
        return
    assert all(each.scheme == each.scheme.lower() for each in found)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_quoted_comes_back(parameters: dict[str, str]) -> None:
    """Whatever stands between quotes, commas and quotes too."""
    quoted = [
        f'{name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for name, value in parameters.items()
    ]
    assert parse("Bearer " + ",".join(quoted))[0].parameters == parameters
