"""Where things stand on a host, and what is written there."""

from __future__ import annotations

OUR_POLICY = "/etc/vouchsafe/policy.json"
OUR_DROP_INS = "/etc/vouchsafe/policy.d"
POLICY = "/etc/containers/policy.json"
REGISTRIES_D = "/etc/containers/registries.d"
REGISTRIES = f"{REGISTRIES_D}/vouchsafe.yaml"
GLASS_REGISTRIES = f"{REGISTRIES_D}/vouchsafe-break-glass.yaml"

# Beside the policy and not in /var, which an image-mode host shares between deployments: what is known about
# /etc must come and go with it.
STATE = "/etc/vouchsafe/host"
LOCK = f"{STATE}/lock"
CHANGE = f"{STATE}/change"  # a change that is under way
ORIGINALS = f"{STATE}/originals.json"  # what `disable` puts back

GLASS = f"{STATE}/break-glass.json"  # digests that are accepted for a while

LAST_AUDIT = "/var/lib/vouchsafe-audit/last.json"  # what is in storage, and so beside it

CA = "/run/vouchsafe/ca.crt"  # published at each boot; absent is refused
LOOKASIDE = "http://127.0.0.1:843"  # below net.ipv4.ip_unprivileged_port_start: no local user can squat on it

# What a registries.d file that is not there reads like.
NO_REGISTRIES = b"docker: {}\n"
LARGEST_FILE = 4 * 1024 * 1024  # bytes of any one that is read here
PUBLIC_MODE = 0o644
SECRET_MODE = 0o600
