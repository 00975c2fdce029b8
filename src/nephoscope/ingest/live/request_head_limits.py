"""Request head limits: HTTP/1.1 in uvicorn with bounds on request line and headers."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10


class BoundedHead(HttpToolsProtocol):
    """Answers 400 and closes where a head does not end within HEAD_BYTES, or within what was read of it at once."""

    _head = 0
    _within = True

    def data_received(self, data: bytes) -> None:
        """More of a connection."""
        super().data_received(data)
        if not self._within:
            return
        self._head += len(data)
        if self._head > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._within, self._head = True, 0

    def on_headers_complete(self) -> None:
        """Its head has ended."""
        self._within = False
        super().on_headers_complete()
