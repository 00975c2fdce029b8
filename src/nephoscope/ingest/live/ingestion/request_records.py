"""The records in the body of a request."""

from __future__ import annotations

import msgspec

from nephoscope.files.json_value import escape_half_surrogates
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError

_DECODER = msgspec.json.Decoder(list[dict[str, object]])


_BOM = b"\xef\xbb\xbf"


def parse_records(body: bytes) -> list[dict[str, object]]:
    """The records of a JSON array; raises IngestionRefusedError. Half of a surrogate pair stands in its record as the text of
    its escape."""
    try:
        return _decode_records(body.removeprefix(_BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IngestionRefusedError(
            400, "InvalidPayload", f"The body must be a JSON array of objects: {error}"
        ) from error


def _decode_records(body: bytes) -> list[dict[str, object]]:
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError:
        mended = escape_half_surrogates(body)
        if mended == body:
            raise
        return _DECODER.decode(mended)
