"""Who a plugin is, which versions of the protocol it speaks, and what it can do: the answer to `describe`."""

from __future__ import annotations

import json

from vouchsafe.errors import MalformedError
from vouchsafe.protocol import LARGEST_RESPONSE, VERSION
from vouchsafe.protocol.request import MOST_CAPABILITIES
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

MOST_VERSIONS = 64


class Description(Record):
    """`capabilities`: what a request may `require` of it."""

    name: str
    version: str = ""
    versions: tuple[int, ...] = (VERSION,)
    capabilities: tuple[str, ...] = ()

    def document(self, identifier: str) -> bytes:
        """As a plugin answers it."""
        said = {
            "policyPlugin": VERSION,
            "id": identifier,
            "plugin": {"name": self.name, "version": self.version},
            "versions": list(self.versions),
            "capabilities": list(self.capabilities),
        }
        return json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def parse(blob: bytes) -> tuple[str, Description]:
    """The id that is answered, and the description. MalformedError."""
    fields = Fields.parse(blob, what="description", largest=LARGEST_RESPONSE)
    fields.integer("policyPlugin")
    plugin = fields.fields("plugin")
    versions = fields.items("versions", MOST_VERSIONS)
    numbers = tuple(each for each in versions if type(each) is int)
    if not numbers or len(numbers) != len(versions):
        raise MalformedError("json-type", "expected numbers in description.versions, got something else")
    return fields.text("id"), Description(
        name=plugin.text("name"),
        version=plugin.text("version", ""),
        versions=numbers,
        capabilities=fields.words("capabilities", MOST_CAPABILITIES),
    )
