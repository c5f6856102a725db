r"""containerd's question to an image verifier, read strictly: flags in Go's style, a descriptor on standard input.

containerd runs every program in its bin_dir before it pulls and takes exit 0 for a yes, whatever else is said. What
it does not say in this version (another operation, another media type, a flag nobody knows) is no question that we
have understood, and MalformedError, which denies.

The name is refused where containerd and the rest of the container world read it differently: `group/app` is the
host `group` to containerd and Docker Hub to everybody else, and a policy must not judge one image and let in another.

>>> digest = "sha256:" + 64 * "0"
>>> words = ["-name", "registry.example/app:v1", "-digest", digest, "-stdin-media-type", DESCRIPTOR]
>>> blob = b'{"mediaType":"x","size":2,"digest":"' + digest.encode() + b'"}'
>>> str(parse(words, blob).reference)
'docker://registry.example/app:v1'
"""

from __future__ import annotations

from collections.abc import Sequence

from vouchsafe.errors import MalformedError, printable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

DESCRIPTOR = "application/vnd.oci.descriptor.v1+json"
PULL = "pull"
LARGEST_DESCRIPTOR = 1024 * 1024  # bytes: it may carry annotations, and content as data
LONGEST_SENTENCE = 400  # characters: it becomes part of an event of a pod
_NAME, _DIGEST, _TYPE, _OPERATION = "name", "digest", "stdin-media-type", "operation"
_FLAGS = (_NAME, _DIGEST, _TYPE, _OPERATION)  # the last one only where verify_on_run is set
_CODE = "containerd-question"


class Asked(Record):
    """An image as it was asked for, and the digest that its name was resolved to: a list's, where it is one."""

    reference: Reference
    digest: Digest


def parse(words: Sequence[str], blob: bytes) -> Asked:
    """The question. MalformedError."""
    flags = _flags(words)
    if flags[_TYPE] != DESCRIPTOR:
        raise _unasked(f"expected {DESCRIPTOR} on standard input, got {flags[_TYPE]!r}")
    if flags.get(_OPERATION, PULL) != PULL:
        raise _unasked(f"expected the operation {PULL}, got {flags[_OPERATION]!r}")
    digest = Digest.parse(flags[_DIGEST])
    descriptor = Fields.parse(blob, what="the descriptor", largest=LARGEST_DESCRIPTOR)
    described = Digest.parse(descriptor.text("digest"))
    descriptor.text("mediaType")
    descriptor.integer("size")
    if described != digest:
        raise _unasked(f"expected the descriptor of {digest}, got one of {described}")
    return Asked(reference=_reference(flags[_NAME], digest), digest=digest)


def _flags(words: Sequence[str]) -> dict[str, str]:
    """`-name value` and `-name=value`, with one dash or two, as Go's flag package reads them; each once."""
    found: dict[str, str] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        flag, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if not word.startswith("-") or flag not in _FLAGS:
            raise _unasked(f"expected one of {', '.join(f'-{each}' for each in _FLAGS)}, got {word!r}")
        if flag in found:
            raise _unasked(f"expected -{flag} once, got it twice")
        if not equals:
            if not waiting:
                raise _unasked(f"expected a value after -{flag}, got none")
            value = waiting.pop(0)
        found[flag] = value
    for flag in (_NAME, _DIGEST, _TYPE):
        if not found.get(flag):
            raise _unasked(f"expected -{flag}, got none")
    return found


def _reference(name: str, digest: Digest) -> Reference:
    """The name, if containerd means by it what we do."""
    if name.startswith("docker://"):
        raise _unasked(f"expected a name without a transport, got {name!r}")
    reference = Reference.parse(name)
    repository = reference.repository
    whole = str(repository)
    if repository is None or (name != whole and not name.startswith((f"{whole}:", f"{whole}@"))):
        meant = repository or reference
        raise _unasked(
            f"expected a name with its registry's host, got {name!r}, which others read as {meant}",
            hint="containerd takes the first word for a host: write the whole name.",
        )
    if reference.digest is not None and reference.digest != digest:
        raise _unasked(f"expected {name} to have the digest that it names, got {digest}")
    return reference


def sentence(text: str) -> str:
    """A reason on one line: ASCII, escaped, short, since it ends in logs and in events of a cluster."""
    return printable(text, LONGEST_SENTENCE).encode("ascii", "backslashreplace").decode()[:LONGEST_SENTENCE]


def _unasked(message: str, *, hint: str = "") -> MalformedError:
    return MalformedError(_CODE, message, hint=hint)
