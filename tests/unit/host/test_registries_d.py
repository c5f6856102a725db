"""What other files of registries.d say, read as YAML's readers do, or not at all."""

from __future__ import annotations

import pytest

from vouchsafe.errors import MalformedError
from vouchsafe.host.registries_d import DEFAULT, read

# Debian's and Fedora's own file, in their manner.
SHIPPED = b"""# This is the default signature write location for docker registries.
default-docker:
#  lookaside: file:///var/lib/containers/sigstore
  lookaside-staging: file:///var/lib/containers/sigstore

# The 'docker' indicator here is the start of the configuration
docker:
"""
VENDOR = b"""docker:
     registry.redhat.io:
         lookaside: https://registry.redhat.io/containers/sigstore  # theirs
     "registry.example:5000/group":
         lookaside: "https://registry.example:5000/#x"
         use-sigstore-attachments: true
     'quay.io/it''s':
"""


@pytest.mark.parametrize(
    "blob, sections",
    [
        (b"", []),
        (b"---\n# nothing\n", []),
        (b"docker: {}\n", []),
        (b"docker: ~\n", []),
        (SHIPPED, [(DEFAULT, ("lookaside-staging",))]),
        (
            VENDOR,
            [
                ("registry.redhat.io", ("lookaside",)),
                ("registry.example:5000/group", ("lookaside", "use-sigstore-attachments")),
                ("quay.io/it's", ()),
            ],
        ),
        (b'{"docker": {"a.example": {"lookaside": "file:///a"}}}', [("a.example", ("lookaside",))]),
        (b"docker:\n  a.example:\n    lookaside: x\nother:\n  key: value\n", [("a.example", ("lookaside",))]),
    ],
)
def test_what_is_read(blob: bytes, sections: list[tuple[str, tuple[str, ...]]]) -> None:
    """Namespaces with their keys."""
    assert [(each.namespace, each.keys) for each in read(blob, "a.yaml")] == sections


@pytest.mark.parametrize(
    "blob",
    [
        b"docker:\n  a: {lookaside: x}\n",
        b"docker:\n  - a\n",
        b"docker: &anchor\n  a:\n",
        b"docker: x\n",
        b"docker:\n  a:\n      k: v\n    z: 1\n",
        b"docker:\n  a:\n    k: v\n  a:\n    k: v\n",
        b"docker:\n  a: x\n    k: v\n",
        b"docker:\n\ta:\n",
        b"\xff",
        b"{",
        b"plain text",
    ],
)
def test_what_is_not_understood(blob: bytes) -> None:
    """Is said, never guessed."""
    with pytest.raises(MalformedError):
        read(blob, "a.yaml")
