"""Every right and every wrong thing by name: the door to `rights`, `key_signed` and their `right_…` and `wrong_…` kin.

>>> len(WRONGS) > 100
True
>>> WRONGS["no-sct"].reason
'The certificate embeds no SCT, though the trust root knows a CT log.'
>>> WRONGS["no-sct"].make("bundle-rekor2").blob[:14]
b'{"mediaType":"'
"""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.testing import (
    key_signed,
    right_certificates,
    rights,
    wrong_certificates,
    wrong_envelopes,
    wrong_extensions,
    wrong_identities,
    wrong_logs,
    wrong_proofs,
    wrong_statements,
    wrong_times,
)
from vouchsafe.testing.specimens import FORMS, RIGHTS, WRONGS, Form, Kind, Specimen

__all__ = ["FORMS", "MODULES", "RIGHTS", "WRONGS", "Form", "Kind", "Specimen", "cases"]

MODULES = (
    key_signed,
    right_certificates,
    rights,
    wrong_certificates,
    wrong_envelopes,
    wrong_extensions,
    wrong_identities,
    wrong_logs,
    wrong_proofs,
    wrong_statements,
    wrong_times,
)


def cases(kinds: dict[str, Kind]) -> Iterator[tuple[str, Form]]:
    """Every name with every form it has: the rows of a parametrized test."""
    for name, kind in kinds.items():
        for form in kind.forms:
            yield name, form
