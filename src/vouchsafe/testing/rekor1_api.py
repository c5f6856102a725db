"""Rekor v1 over HTTP (rekor's openapi.yaml): what cosign asks of it, with ETag and Location.

cosign dereferences the ETag of an answer without looking whether there is one.
"""

from __future__ import annotations

from typing import Any

from vouchsafe.testing.answers import NOT_FOUND, Rejected, json_object, json_response
from vouchsafe.testing.canonical import b64
from vouchsafe.testing.keys import public_pem
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.rekor1 import Rekor1
from vouchsafe.testing.rekor1_proposal import proposed_body

_ENTRIES = "/api/v1/log/entries"


class Rekor1Api:
    """Answers for one log."""

    def __init__(self, log: Rekor1) -> None:
        """Which log."""
        self._log = log

    def answer(self, request: Request) -> Response:
        """Route a request."""
        try:
            match request.method, request.path:
                case "POST", "/api/v1/log/entries":
                    return self._add(request)
                case "POST", "/api/v1/log/entries/retrieve":
                    return self._retrieve(request)
                case "GET", "/api/v1/log/entries":
                    return json_response(self._shown(int(request.query.get("logIndex", "-1"))))
                case "GET", "/api/v1/log":
                    return json_response(self._head())
                case "GET", "/api/v1/log/proof":
                    return self._consistency(request)
                case "GET", "/api/v1/log/publicKey":
                    key = public_pem(self._log.public_key)
                    return Response(headers={"Content-Type": "application/x-pem-file"}, body=key)
                case "GET", path if path.startswith(_ENTRIES + "/"):
                    return json_response(self._shown(self._index(path.removeprefix(_ENTRIES + "/"))))
        except Rejected as rejected:
            return rejected.response()
        return NOT_FOUND

    def _add(self, request: Request) -> Response:
        kind, body = proposed_body(json_object(request))
        index = self._log.find(body)
        if index is not None:
            uuid = self._log.uuid(index)
            message = f"an equivalent entry already exists in the transparency log with UUID {uuid}"
            return json_response({"code": 409, "message": message}, 409, {"Location": f"{_ENTRIES}/{uuid}"})
        self._log.append(kind, body)
        index = self._log.size - 1
        uuid = self._log.uuid(index)
        return json_response(self._shown(index), 201, {"ETag": uuid, "Location": f"{_ENTRIES}/{uuid}"})

    def _retrieve(self, request: Request) -> Response:
        asked = json_object(request)
        found = [self._shown(int(index)) for index in asked.get("logIndexes") or []]
        found += [self._shown(self._index(uuid)) for uuid in asked.get("entryUUIDs") or []]
        for proposal in asked.get("entries") or []:
            index = self._log.find(proposed_body(proposal)[1])
            if index is not None:
                found.append(self._shown(index))
        return json_response(found)

    def _index(self, uuid: str) -> int:
        for index in range(self._log.size):
            if self._log.uuid(index).endswith(uuid[-64:]):
                return index
        raise Rejected(404, "entry not found")

    def _shown(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self._log.size:
            raise Rejected(404, "entry not found")
        entry = self._log.entry(index)
        proof = self._log.proof(index)
        inclusion = {
            "checkpoint": proof.checkpoint,
            "hashes": [node.hex() for node in proof.hashes],
            "logIndex": proof.index,
            "rootHash": proof.root.hex(),
            "treeSize": proof.size,
        }
        return {
            self._log.uuid(index): {
                "body": b64(entry.body),
                "integratedTime": entry.integrated_time,
                "logID": entry.log_id.hex(),
                "logIndex": entry.index,
                "verification": {
                    "inclusionProof": inclusion,
                    "signedEntryTimestamp": b64(entry.promise or b""),
                },
            }
        }

    def _head(self) -> dict[str, Any]:
        return {
            "inactiveShards": [],
            "rootHash": self._log.tree.root().hex(),
            "signedTreeHead": self._log.checkpoint(),
            "treeID": str(self._log.tree_id),
            "treeSize": self._log.size,
        }

    def _consistency(self, request: Request) -> Response:
        first = int(request.query.get("firstSize", "1"))
        last = int(request.query.get("lastSize", "0"))
        if not 0 < first <= last <= self._log.size:
            raise Rejected(400, f"expected sizes up to {self._log.size}, got {first} and {last}")
        hashes = [node.hex() for node in self._log.tree.consistency(first, last)]
        return json_response({"hashes": hashes, "rootHash": self._log.tree.root(last).hex()})
