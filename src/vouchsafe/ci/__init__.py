"""Signing in a pipeline: what is signed already is not repeated, and what was signed is read back.

An edge: it brings `vouchsafe.signing` and `vouchsafe.admission` together, which do not know each other. A run
is green when the consumers that matter can read what it published, by the same rules that hosts apply.
"""
