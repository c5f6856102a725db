"""The timestamp authority over HTTP (RFC 3161 3.4)."""

from __future__ import annotations

from vouchsafe.record import Record
from vouchsafe.testing.answers import NOT_FOUND, Rejected
from vouchsafe.testing.authorities import Authorities
from vouchsafe.testing.canonical import pem
from vouchsafe.testing.der import oid
from vouchsafe.testing.der_read import elements
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.tsa import HASHES, StampPlan

_NAMES = {oid(dotted): name for name, dotted in HASHES.items()}
_INTEGER, _BOOLEAN = 0x02, 0x01


class StampRequest(Record):
    """TimeStampReq: what to stamp and how."""

    imprint: bytes
    algorithm: str
    nonce: int | None = None
    wants_certificate: bool = False


class TsaApi:
    """Answers for one authority."""

    def __init__(self, sigstore: Authorities) -> None:
        """Whose authority and clock."""
        self._sigstore = sigstore

    def answer(self, request: Request) -> Response:
        """Route a request."""
        try:
            match request.method, request.path:
                case "POST", "/api/v1/timestamp":
                    stamp = self._stamp(read_request(request.body))
                    return Response(
                        status=201, headers={"Content-Type": "application/timestamp-reply"}, body=stamp
                    )
                case "GET", "/api/v1/timestamp/certchain":
                    chain = pem(*self._sigstore.tsa.chain)
                    return Response(headers={"Content-Type": "application/pem-certificate-chain"}, body=chain)
        except Rejected as rejected:
            return rejected.response()
        return NOT_FOUND

    def _stamp(self, asked: StampRequest) -> bytes:
        plan = StampPlan(algorithm=asked.algorithm, nonce=asked.nonce, embed=asked.wants_certificate)
        return self._sigstore.tsa.stamp_hash(asked.imprint, self._sigstore.clock.now(), plan)


def read_request(blob: bytes) -> StampRequest:
    """Read a TimeStampReq (RFC 3161 2.4.1)."""
    try:
        fields = elements(elements(blob)[0][1])
        algorithm, imprint = elements(fields[1][1])
        name = _NAMES[_element(elements(algorithm[1])[0])]
    except (IndexError, KeyError, ValueError) as error:
        raise Rejected(400, f"expected a TimeStampReq with a SHA-2 imprint, got {error!r}") from error
    rest = dict(fields[2:])
    nonce = int.from_bytes(rest[_INTEGER], "big", signed=True) if _INTEGER in rest else None
    return StampRequest(
        imprint=imprint[1], algorithm=name, nonce=nonce, wants_certificate=rest.get(_BOOLEAN) == b"\xff"
    )


def _element(part: tuple[int, bytes]) -> bytes:
    return bytes((part[0], len(part[1]))) + part[1]
