"""The policy language: containers-policy.json(5) as containers/image reads it, and our keys on top. Pure.

`document.parse` reads a file, `scope.select` finds the one list of requirements that applies to an
image, `match.accepts` and `identity.IdentityPattern` compare, `lint.lint` says what is legal but unwise.
Keys, CAs and trust roots are named here and loaded elsewhere, through ports.
"""
