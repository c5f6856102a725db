"""From what was chosen to a Run: services, trust root, token or key; every mistake found before anything is asked.

What a token would be refused for is said here, in our words: Fulcio's come late and say little.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from vouchsafe.ci.consumers import Reader
from vouchsafe.ci.job import Order
from vouchsafe.ci.run import Run
from vouchsafe.ci.witness import Who, Witness
from vouchsafe.errors import ConfigurationError, MalformedError, SigningError
from vouchsafe.record import Record
from vouchsafe.signing import ceremony, foretold, services
from vouchsafe.signing import token as tokens
from vouchsafe.signing.ceremony import Signer
from vouchsafe.signing.key import LARGEST_PEM, SigningKey, from_pem
from vouchsafe.signing.services import PUBLIC_GOOD, Services
from vouchsafe.signing.token import AUDIENCE, IdentityToken
from vouchsafe.verification.identity import Identity
from vouchsafe.verification.trust import TrustRoot, parse_trusted_root
from vouchsafe.verification.trust import from_pem as root_of_pem
from vouchsafe.wiring import Host
from vouchsafe.wiring import signing as wires
from vouchsafe.wiring.signing import Workshop

LARGEST_FILE = 4 * 1024 * 1024  # bytes of a trust root or signing config
LONGEST_LOOK = timedelta(minutes=5)
_PUBLIC = ".sigstore.dev"  # where the public-good services live


class Choices(Record):
    """What a person chose; empty means "not given". Paths of files, URLs of services."""

    identity_token: str = ""
    audience: str = AUDIENCE
    allow_merge_request: bool = False
    key: str = ""
    trust_config: str = ""
    signing_config: str = ""
    trusted_root: str = ""
    fulcio_url: str = ""
    rekor_urls: tuple[str, ...] = ()
    rekor_version: int | None = None
    timestamp_urls: tuple[str, ...] = ()
    log: bool | None = None
    service_ca: str = ""
    reads_back_with_programs: bool = True

    @property
    def names_services(self) -> bool:
        """Whether any service was named."""
        return bool(
            self.trust_config
            or self.signing_config
            or self.fulcio_url
            or self.rekor_urls
            or self.timestamp_urls
        )


class Prepared(Record):
    """A run that may begin. `warning`: why the token would be refused, where that is no error (`--dry-run`)."""

    run: Run
    who: Who
    urls: tuple[str, ...]
    warning: str = ""


def prepare(
    choices: Choices,
    order: Order,
    host: Host,
    workshops: Callable[[Services], Workshop],
    tell: Callable[[str], None],
) -> Prepared:
    """Read everything that was named. SigningError, ConfigurationError, MalformedError, Unavailable."""
    if choices.service_ca:  # read again by TLS, which may never need it: a mistake is told now
        host.world.files.read(choices.service_ca, largest=LARGEST_FILE)
    chosen = _services(choices, host)
    root, root_json = _root(choices, chosen, host)
    workshop = workshops(chosen)
    warning = ""
    if choices.key:
        key = _key(choices.key, host, logged=bool(chosen.logs))
        signer, who = ceremony.by_key(key), Who(key=key.public_pem)
        root = root_of_pem(keys=(key.public_pem,)).replace(
            logs=root.logs if chosen.logs else (), timestamp_authorities=root.timestamp_authorities
        )
    else:
        token = wires.identity_token(choices.identity_token, audience=choices.audience)
        warning = _checked(token, choices, host, dry_run=order.dry_run)
        signer = ceremony.keyless(token, workshop.issuer(), host.clock)
        who = Who(identity=foretold.identity(token) or _unforetold(token, signer, dry_run=order.dry_run))
    _check_forms(chosen, order, keyless=not choices.key)
    programs = choices.reads_back_with_programs and not order.dry_run and order.statement.is_signature
    readers = wires.readers(host, trusted_root=root_json, root=root) if programs else ()
    run = Run(
        order,
        who,
        bench=lambda: workshop.bench(signer, root),
        witness=Witness(host.world, host.clock, root=root_json, longest=LONGEST_LOOK),
        clock=host.clock,
        readers=[Reader(program, order.required) for program in readers],
        tell=tell,
    )
    return Prepared(run=run, who=who, urls=chosen.urls, warning=warning)


def _services(choices: Choices, host: Host) -> Services:
    path = choices.trust_config or choices.signing_config
    if path:
        blob = host.world.files.read(path, largest=LARGEST_FILE)
        made = services.from_json(blob, at=host.clock.now(), version=choices.rekor_version, source=path)
    elif choices.names_services:
        made = services.named(
            fulcio=choices.fulcio_url,
            rekors=choices.rekor_urls,
            version=choices.rekor_version,
            timestamps=choices.timestamp_urls,
        )
    else:
        made = PUBLIC_GOOD
    logged = choices.log if choices.log is not None else not choices.key or choices.names_services
    if not logged and not choices.key:
        raise SigningError(
            "no-log",
            "expected a transparency log for a certificate of ten minutes, got --no-log",
            hint="Only a key's signature can be checked without a log.",
        )
    if not logged:
        made = made.replace(logs=(), legacy_log=None)
    return made if choices.names_services or logged else made.replace(timestamps=())


def _root(choices: Choices, chosen: Services, host: Host) -> tuple[TrustRoot, bytes]:
    """The trust root, and its JSON; empty JSON for the public-good one."""
    blob = chosen.trusted_root
    if choices.trusted_root:
        blob = host.world.files.read(choices.trusted_root, largest=LARGEST_FILE)
    if blob:
        try:
            return parse_trusted_root(blob, source=choices.trusted_root or choices.trust_config), blob
        except MalformedError as error:
            raise ConfigurationError(error.code, error.message, hint=error.hint) from error
    if choices.key and not chosen.logs and not chosen.timestamps:
        return TrustRoot(), b""
    private = [url for url in chosen.urls if not _host(url).endswith(_PUBLIC)]
    if private:
        raise SigningError(
            "no-trusted-root",
            f"expected the trusted root of {private[0]}, got none",
            hint="Give --trusted-root FILE: what no reader could verify is not published.",
        )
    return host.world.trust.public_good(), b""


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition(":")[0].lower()


def _key(path: str, host: Host, *, logged: bool) -> SigningKey:
    content = host.world.files.read(path, largest=LARGEST_PEM)
    key = from_pem(content, password=wires.key_password(), source=path)
    if logged and not key.can_be_logged:
        raise SigningError(
            "key-kind",
            "expected a key whose signatures a log can check, got Ed25519",
            hint="Use an ECDSA key, or --no-log.",
        )
    return key


def _checked(token: IdentityToken, choices: Choices, host: Host, *, dry_run: bool) -> str:
    """Raise what is wrong with the token; for a dry run a merge request is only worth a warning."""
    try:
        tokens.check(
            token,
            at=host.clock.now(),
            audience=choices.audience,
            allow_merge_request=choices.allow_merge_request,
        )
    except SigningError as error:
        if dry_run and error.code == "token-merge-request":
            return error.message
        raise
    return ""


def _unforetold(token: IdentityToken, signer: Signer, *, dry_run: bool) -> Identity:
    """Who this is can only be learned from the certificate; a dry run does not ask for one."""
    if dry_run:
        return Identity(issuer=token.text("iss"), subject=token.text("sub"), subject_kind="other", claims={})
    certificate = signer.current().certificate
    if certificate is None:
        raise SigningError("certificate", "expected a certificate from Fulcio, got none")
    from vouchsafe.verification.certificate import Leaf  # X.509: late, because a known platform's is foretold

    return Leaf(certificate).identity()


def _check_forms(chosen: Services, order: Order, *, keyless: bool) -> None:
    if "legacy" not in order.forms or chosen.legacy_log is not None or not (keyless or chosen.logs):
        return
    got = f"only Rekor v2 at {chosen.logs[0].url}" if chosen.logs else "none"
    raise SigningError(
        "no-rekor-1",
        f"expected a Rekor v1 for {order.statement.suffix}, which needs its promise, got {got}",
        hint="Name one (--rekor-url URL --rekor-version 1), or take --format bundle if no host with podman, skopeo,"
        " bootc or cosign 2 has to read it.",
    )
