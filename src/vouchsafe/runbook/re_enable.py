"""The runbook `re-enable`: from a host that accepts any image to one that refuses what the policy does not accept.

docs/runbooks/re-enable.md is the same list in prose; a test compares them, word for word where it can.
"""

from __future__ import annotations

from vouchsafe.runbook.step import Runbook, Step

NAME = "re-enable"
_NOTHING = "nothing: it only reads"

RUNBOOK = Runbook(
    name=NAME,
    title="Refuse what the policy does not accept",
    steps=(
        Step(
            name="preflight",
            title="What this host must pull is signed, and readable here",
            checks="each image is signed by whom the policy names, in a form that whoever judges it here can read",
            does="reads the registry as the countersigner will; under native scopes asks this host's own client",
            undoes=_NOTHING,
            command="vouchsafe explain IMAGE",
        ),
        Step(
            name="trust",
            title="Trust roots are fresh and last",
            checks="each trust root that the policy relies on is usable, fresh, not over within two weeks, and"
            " with --like the same as on the host that went first",
            does="reads what the countersigner will read",
            undoes=_NOTHING,
            command="vouchsafe trust show",
        ),
        Step(
            name="policy",
            title="The policy says what is meant",
            checks="it loads, has no errors, and with --like is the same as on the host that went first",
            does="reads /etc/vouchsafe/policy.json and policy.d",
            undoes=_NOTHING,
            command="vouchsafe policy check",
        ),
        Step(
            name="probe",
            title="This host's clients can enforce it",
            checks="each client looks at the policy and reads the form of countersignature that it will be given",
            does="lets them pull from a throw-away registry under throw-away policies",
            undoes="nothing: what it made is gone when it ends",
            command="vouchsafe host probe",
        ),
        Step(
            name="plan",
            title="What would change, and what follows",
            checks="nothing speaks against the change, and this host's own client loads what would be written",
            does="compiles the policy and compares, and tells what to announce beforehand",
            undoes=_NOTHING,
            command="vouchsafe host plan",
        ),
        Step(
            name="enable",
            title="Put it into force",
            checks="the same as `plan`, again, under the lock",
            does="starts the countersigner, writes policy.json and registries.d in one step, keeps what was there",
            undoes="puts back every file as it was before, and stops the countersigner if it was not there before",
            command="vouchsafe host enable --without-smoke",
            changes=True,
            always=True,
        ),
        Step(
            name="smoke",
            title="Prove it with this host's own clients",
            checks="each client pulls what is signed and refuses what is unsigned, swapped, somebody else's, …",
            does="a rehearsal below a temporary folder, without a network",
            undoes="nothing: what it made is gone when it ends",
            command="vouchsafe host smoke",
        ),
        Step(
            name="status",
            title="It is in force",
            checks="this host enforces: the files say what the policy compiles to, and nothing outranks them",
            does="reads; when it passes, the change stays",
            undoes=_NOTHING,
            command="vouchsafe host status",
            always=True,
            proves=True,
        ),
        Step(
            name="announce",
            title="Tell people",
            checks="nothing",
            does="writes the text to send",
            undoes="writes the text that takes it back, if it was announced",
            command="vouchsafe runbook log",
            always=True,
        ),
    ),
)
