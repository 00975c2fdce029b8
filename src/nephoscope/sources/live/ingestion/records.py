"""The records in the body of a request."""

from __future__ import annotations

from typing import Any

import msgspec

from nephoscope.sources.live.ingestion.refused import RefusedError

_DECODER = msgspec.json.Decoder(list[dict[str, Any]])


def records_of(body: bytes) -> list[dict[str, Any]]:
    """The records of a JSON array; raises RefusedError."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(
            400, "InvalidPayload", f"The body must be a JSON array of objects: {error}"
        ) from error
