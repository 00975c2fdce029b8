"""An HTTPS client that takes little of the machine it measures: HTTP/1.1 over kept connections, answers read whole."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Connection:
    """One connection to a server, made again where the server closed it."""

    host: str
    port: int
    trust: ssl.SSLContext
    headers: Mapping[str, str] = field(default_factory=dict)
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, body: bytes = b"", form: str = "application/json"
    ) -> tuple[int, bytes]:
        """The status and the body of an answer; OSError where the server goes away before it."""
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port, ssl=self.trust)
        assert self._reader is not None
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if body:
            lines += [f"Content-Type: {form}", f"Content-Length: {len(body)}"]
        try:
            self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            return await self._answer(self._reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if "transfer-encoding: chunked" in head:
            return status, await self._chunks(reader)
        length = head.partition("\r\ncontent-length:")[2].partition("\r\n")[0].strip()
        body = await reader.readexactly(int(length)) if length and status not in (204, 304) else b""
        if "\r\nconnection: close" in head:
            self.close()
        return status, body

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        held = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            held += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return held

    def close(self) -> None:
        """Let the connection go."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
