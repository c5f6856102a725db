"""Decides whether a container image was signed by the pipeline you trust."""
