"""Certificates whose names or Fulcio extensions are not what a careful reader accepts (rule 8)."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from vouchsafe.testing import der
from vouchsafe.testing.specimens import Draft, wrong
from vouchsafe.testing.workload import FULCIO_ARC

_EVIL = "https://gitlab.attacker.example"


@wrong("issuer-extensions-disagree", 8)
def issuer_extensions_disagree(draft: Draft) -> None:
    """Extension .1 names our issuer and .8 another."""
    draft.plan_leaf(values={"issuer-v2": der.utf8(_EVIL)})


@wrong("issuer-extensions-disagree-in-1", 8)
def issuer_extensions_disagree_in_1(draft: Draft) -> None:
    """Extension .8 names our issuer and .1 another."""
    draft.plan_leaf(values={"issuer": _EVIL.encode()})


@wrong("issuer-v2-trailing-der", 8)
def issuer_v2_trailing_der(draft: Draft) -> None:
    """Extension .8 has bytes after its string."""
    draft.plan_leaf(values={"issuer-v2": der.utf8(draft.asked.issuer) + der.utf8("more")})


@wrong("issuer-v2-raw", 8)
def issuer_v2_raw(draft: Draft) -> None:
    """Extension .8 is the bare string, not DER."""
    draft.plan_leaf(values={"issuer-v2": draft.asked.issuer.encode()})


@wrong("issuer-v2-long-form", 8)
def issuer_v2_long_form(draft: Draft) -> None:
    """Extension .8 writes its length in more bytes than DER allows."""
    text = draft.asked.issuer.encode()
    draft.plan_leaf(values={"issuer-v2": b"\x0c\x81" + bytes((len(text),)) + text})


@wrong("issuer-absent", 8)
def issuer_absent(draft: Draft) -> None:
    """The certificate names no issuer."""
    draft.plan_leaf(values={"issuer": None, "issuer-v2": None})


@wrong("issuer-twice", 8)
def issuer_twice(draft: Draft) -> None:
    """The certificate has extension .1 twice: ours, and the attacker's."""
    oid = der.oid(f"{FULCIO_ARC}.1")
    draft.plan_leaf(appended=(der.sequence(oid, der.octet_string(_EVIL.encode())),))


@wrong("san-twice", 8)
def san_twice(draft: Draft) -> None:
    """The certificate has two subject alternative name extensions."""
    names = der.sequence(der.context(6, _EVIL.encode(), constructed=False))
    oid = der.oid("2.5.29.17")
    draft.plan_leaf(appended=(der.sequence(oid, der.boolean(True), der.octet_string(names)),))


@wrong("two-sans", 8)
def two_sans(draft: Draft) -> None:
    """The certificate names two subjects, ours and another."""
    ours, other = draft.asked.subject, f"{_EVIL}/group/project//.gitlab-ci.yml@refs/heads/main"
    draft.plan_leaf(names=(x509.UniformResourceIdentifier(other), x509.UniformResourceIdentifier(ours)))


@wrong("no-san", 8)
def no_san(draft: Draft) -> None:
    """The certificate names no subject."""
    draft.plan_leaf(names=None)


@wrong("san-of-other-kind", 8)
def san_of_other_kind(draft: Draft) -> None:
    """Our URI stands in the certificate as a DNS name."""
    draft.plan_leaf(names=(x509.DNSName(draft.asked.subject),))


@wrong("subject-in-common-name", 8)
def subject_in_common_name(draft: Draft) -> None:
    """The only thing that names our pipeline is the common name; the SAN names the attacker's."""
    other = f"{_EVIL}/group/project//.gitlab-ci.yml@refs/heads/main"
    draft.plan_leaf(common_name=draft.asked.subject[:64], names=(x509.UniformResourceIdentifier(other),))


@wrong("other-name-of-other-type", 8)
def other_name_of_other_type(draft: Draft) -> None:
    """Our URI stands in the certificate as an otherName of a type that is not Fulcio's."""
    oid = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
    draft.plan_leaf(names=(x509.OtherName(oid, der.utf8(draft.asked.subject)),))
