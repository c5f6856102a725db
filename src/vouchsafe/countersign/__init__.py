"""The host's own short-lived statement that a digest was accepted, which stock clients enforce inside the pull.

containers/image asks a *lookaside* for signatures of what it pulls, and cannot judge keyless ones. So the
host's policy.json demands a certificate of the host's own CA, and this package answers with one when, and
only when, the verdict of `vouchsafe.admission` accepts the digest.
"""
