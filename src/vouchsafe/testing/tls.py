"""Certificates for loopback servers: a CA of one's own, a server certificate for 127.0.0.1, one for a client.

>>> made = LoopbackTls()
>>> made.ca_pem.startswith(b"-----BEGIN CERTIFICATE-----")
True
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from vouchsafe.testing.ca import common_name, key_usage
from vouchsafe.testing.canonical import pem
from vouchsafe.testing.keys import KeySource, private_pem

_LIFE = timedelta(days=30)
_LOCAL_NAMES = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")))


class LoopbackTls:
    """PEM of the CA, the server and a client; valid around the machine's time, as TLS is."""

    def __init__(self, seed: str = "loopback", *, names: tuple[x509.GeneralName, ...] = _LOCAL_NAMES) -> None:
        """`names`: what the server's certificate says it is; others make a client refuse."""
        self._keys = KeySource(seed)
        ca_key = self._keys.ec("tls-ca")
        self._ca_key = ca_key
        ca = self._certificate("tls-ca", ca_key, (), is_ca=True)
        self.ca_pem = pem(ca)
        server_key, client_key = self._keys.ec("tls-server"), self._keys.ec("tls-client")
        self.server_pem = pem(self._certificate("tls-server", server_key, names)) + private_pem(server_key)
        client = self._certificate("tls-client", client_key, (x509.DNSName("client.example"),))
        self.client_pem = pem(client)
        self.client_key_pem = private_pem(client_key)

    def context(self, *, demand_client: bool = False) -> ssl.SSLContext:
        """For a LoopbackServer; `demand_client` wants a certificate of this CA."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:  # ssl takes files only
            path = Path(folder, "server.pem")
            path.write_bytes(self.server_pem)
            made.load_cert_chain(path)
        if demand_client:
            made.verify_mode = ssl.CERT_REQUIRED
            made.load_verify_locations(cadata=self.ca_pem.decode())
        return made

    def _certificate(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        names: tuple[x509.GeneralName, ...],
        *,
        is_ca: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC).replace(microsecond=0)
        builder = (
            x509.CertificateBuilder()
            .subject_name(common_name("loopback", name))
            .issuer_name(common_name("loopback", "tls-ca"))
            .public_key(key.public_key())
            .serial_number(self._keys.number(name))
            .not_valid_before(now - _LIFE)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(key_usage(certificates=is_ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not is_ca:
            purposes = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key())
            builder = (
                builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
                .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
                .add_extension(authority, critical=False)
            )
        return builder.sign(self._ca_key, hashes.SHA256())
