"""Decides whether a container image was signed by the pipeline you trust."""

__version__ = "0.1.0"
