"""A server behind TLS on loopback for tests: a handler of requests, its port, and the authority that its certificate is of."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nephoscope.ingest.live.tls import issue_self_signed


@contextmanager
def tls_server(
    folder: Path, handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1"
) -> Iterator[tuple[int, str]]:
    """Its port and the file of its authority; it listens until the end of the block."""
    certificate, key, authority = issue_self_signed(folder / "tls", (host,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port, str(authority)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
