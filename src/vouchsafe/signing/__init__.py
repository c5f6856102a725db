"""Signing: evidence is made, verified by our own verifier, and attached to an image; in that order.

The producing half of `vouchsafe.evidence`. What is signed, by whom and in which formats is decided here;
Fulcio, Rekor, time-stamping and registries are reached through `vouchsafe.ports`. Whether an image is signed
already, and whether its consumers can read what was attached, are questions to `vouchsafe.admission`, which
this package does not know: `vouchsafe.ci` asks them.
"""
