"""containerd as an enforcer: its image verifier asks vouchsafe, and a guard finds what would let it not ask.

containerd's contract fails open in many quiet ways: no file in a folder, a number of downloads, a table for
mirrors. `settings` reads what containerd is told, `guard` says what speaks against it, `dropin` is what we ship.
"""
