"""Other programs that read signatures, asked whether they can read ours: cosign, and skopeo for containers/image."""

from __future__ import annotations

from vouchsafe.adapters.readers.cosign import Cosign
from vouchsafe.adapters.readers.skopeo import Skopeo

__all__ = ["Cosign", "Skopeo"]
