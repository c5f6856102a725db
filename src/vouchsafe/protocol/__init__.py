"""What a container engine and a policy plugin say to each other (docs/plugin-protocol.md). Pure.

One JSON request on a plugin's standard input, one JSON response on its standard output. Both directions of
both documents are here, for the plugin and for whoever drives one.
"""

from __future__ import annotations

VERSION = 1
LARGEST_REQUEST = 16 * 1024 * 1024  # bytes: a manifest and a list of 4 MiB each, in base64
LARGEST_RESPONSE = 1024 * 1024  # bytes
ALLOW, DENY, ERROR = 0, 1, 2  # exit codes
