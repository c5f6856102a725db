"""The policy plugin: may this image, asked for by this name, be used on this host? (docs/plugin-protocol.md)

One door for every host that asks: container engines by `vouchsafe plugin`, containerd by its verifier.

    from vouchsafe.plugin.deciding import decide
    from vouchsafe.protocol.request import Credentials, Request

    decision = decide(
        Request(
            reference=Reference.parse("registry.example/group/app:v1"),  # as somebody asked for it
            digest=Digest.parse("sha256:…"),     # of the manifest that is about to be used (an index: the index's)
            manifest=None,                       # its bytes if they are at hand; hashed before you call
            through=None,                        # the digest of the list that it was chosen from, if there is one
            credentials=Credentials(auth_file="/run/…/auth.json"),  # by reference; all of it optional
            seconds=8.0,                         # until when the answer is worth something
        )
    )
    match decision.word:
        case "allow": …                          # exit 0; decision.digest is what may be used, nothing else
        case "deny" | "error": …                 # decision.code, .message, .hint; decision.exit_code is 1 or 2

`decide` never raises, and takes no longer than `seconds` where the operating system lets it. It asks the
resident countersigner first (`resident`), whose verdict stands; where that is not there, cannot be
authenticated or breaks off, it judges by itself (`alone`). `root` is for tests and images that are being built.
"""
