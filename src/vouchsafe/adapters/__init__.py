"""Adapters: the only modules that touch the network, the file system, other programs and the clock.

Each implements a port of `vouchsafe.ports` and raises this package's errors only. The environment is
not read here: `settings.Settings` is made from a mapping that the wiring passes in.
"""
