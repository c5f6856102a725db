"""vouchsafe: keyless container-image signatures, made enforceable."""

__version__ = "0.1.0"
