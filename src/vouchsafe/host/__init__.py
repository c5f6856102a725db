"""Puts a policy into force on a host, proves that it holds, and takes it back.

`plan` says what would change, `enforce` changes it so that a crash leaves the machine as it was or enforcing,
`probe` and `smoke` ask the host's own clients. Everything is reached through ports: files below a root, programs
by name.
"""
