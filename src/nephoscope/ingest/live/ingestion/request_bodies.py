"""Bodies of requests: read no further than a limit, and without their gzip no larger than another."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError

if TYPE_CHECKING:
    from starlette.requests import Request


async def read_body(request: Request, limit: int) -> bytes:
    """The body; IngestionRefusedError where it is larger than the limit, of which no more is read."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise make_body_too_large_error(limit)
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > limit:
            raise make_body_too_large_error(limit)
    return bytes(data)


def unpack_body(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without its gzip; IngestionRefusedError for another encoding, damaged data, or more than the limit."""
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() != "gzip":
        raise IngestionRefusedError(
            415, "UnsupportedMediaType", f"Content-Encoding '{encoding[:40]}' is not gzip."
        )
    reader = zlib.decompressobj(31)
    try:
        data = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise IngestionRefusedError(400, "InvalidPayload", f"The body is not gzip: {error}") from error
    if len(data) > limit:
        raise make_body_too_large_error(limit)
    if not reader.eof:
        raise IngestionRefusedError(400, "InvalidPayload", "The gzip body is truncated.")
    return data


def make_body_too_large_error(limit: int) -> IngestionRefusedError:
    """413: more than may be sent."""
    return IngestionRefusedError(
        413, "ContentLengthLimitExceeded", f"Maximum allowed content length: {limit} bytes."
    )
