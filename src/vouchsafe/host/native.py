"""Asks the host's own client about an image that no countersigner judges, before anything is written.

Under a native scope (`keyPath`, `signedBy`, an e-mail address) clients judge by themselves, after `enable` as
before it, and see only what they can read: `.sig` where attachments are switched on, and lookasides. So
their answer is the one that counts, under the files that would be written. Nothing is copied: the image
proxy has judged when it has opened an image.
"""

from __future__ import annotations

from vouchsafe.errors import Unavailable
from vouchsafe.host import clients
from vouchsafe.host.places import PUBLIC_MODE
from vouchsafe.host.pullers import Tools
from vouchsafe.image.reference import Reference
from vouchsafe.machine import HostFiles
from vouchsafe.policy.compile import Compiled

SECONDS = 60.0
_REFUSED = "rejected by policy"  # containers/image's own words
_REJECT = b'{"default":[{"type":"reject"}]}'


class Native:
    """One client, for as long as its tools are there."""

    def __init__(
        self, compiled: Compiled, files: HostFiles, tools: Tools, flags: tuple[str, ...] = ()
    ) -> None:
        """`files` of the host; what is tried is written into the scratch folder of `tools`. `flags` of the client."""
        self._compiled = compiled
        self._files = files
        self._tools = tools
        self._flags = flags

    def words_about(self, image: Reference) -> str | None:
        """Why the client refuses it; empty when it opens it; None when no client here can be asked.

        Debian 12's image proxy looks at no policy, and one that cannot reach the registry refuses whatever the
        policy: only who refuses by the policy what is refused to everybody is a witness.
        """
        skopeo = self._tools.runner.find("skopeo")
        if skopeo is None:
            return None
        if _REFUSED not in self._opened(skopeo, "refused", _REJECT, image):
            return None
        return self._opened(skopeo, "compiled", self._compiled.policy, image)

    def _opened(self, skopeo: str, name: str, policy: bytes, image: Reference) -> str:
        scratch = self._tools.scratch
        registries = clients.staged(self._compiled, self._files, scratch)
        scratch.put(f"/{name}.json", policy, mode=PUBLIC_MODE)
        where = ("--policy", f"{scratch.root}/{name}.json", "--registries.d", registries)
        try:
            return self._tools.starter.open_image(
                (skopeo, *where, *self._flags, "experimental-image-proxy"),
                str(image),
                seconds=SECONDS,
                environment=self._tools.environment,
            )
        except Unavailable as error:
            return error.message
