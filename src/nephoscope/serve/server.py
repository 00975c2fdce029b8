"""A whole server: the socket, the certificate, and the processes that the supervisor keeps running."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from nephoscope.serve.settings import Settings
from nephoscope.serve.standing import noting
from nephoscope.serve.supervisor import PATIENCE, TICK, Process, Supervisor
from nephoscope.sources.live.tls import own_certificate, server_context

BACKLOG = 2048
#: Steps of priority by which what nobody waits for is behind pages, and records that come in.
BEHIND = 5
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; OSError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    made.set_inheritable(True)
    return made


@contextmanager
def between(settings: Settings) -> Iterator[Settings]:
    """The settings with a socket between the front and the web process, in a folder that only its owner can look into."""
    folder = Path(mkdtemp(prefix="nephoscope-"))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            path = folder / "web"
            made.bind(str(path))
            made.listen(BACKLOG)
            made.set_inheritable(True)
            yield replace(settings, web_fd=made.fileno(), web=str(path))
    finally:
        rmtree(folder, ignore_errors=True)


def certified(settings: Settings) -> tuple[Settings, str]:
    """The settings with a certificate, and the path of the authority that clients are to trust ('' for one that was given).

    Raises SourceError for a certificate that cannot be used.
    """
    if settings.certificate:
        server_context(settings.certificate, settings.key)
        return settings, ""
    names = tuple(dict.fromkeys([*settings.names, settings.host, *LOOPBACK]))
    usable = tuple(one for one in names if one not in ("0.0.0.0", "::"))  # noqa: S104 - left out, not bound to
    certificate, key, authority = own_certificate(settings.data.resolve() / "tls", usable)
    return replace(settings, certificate=str(certificate), key=str(key)), str(authority)


def processes(settings: Settings) -> tuple[Process, ...]:
    """What a server consists of: the front, the web process and the workers."""
    command = [
        "-m",
        "nephoscope.cli.main",
        "--data",
        str(settings.data),
        *(["--state", settings.state] if settings.state else []),
    ]
    return (
        Process("front", ["-m", "nephoscope.serve.front", settings.encoded()], (settings.fd,)),
        Process("web", ["-m", "nephoscope.serve.web", settings.encoded()], (settings.web_fd,), hasty=True),
        Process(
            "assessing", ["-m", "nephoscope.serve.assessing", settings.encoded()], waits=True, behind=BEHIND
        ),
        Process("detection", [*command, "detect", "--schedule", "--no-respond"], waits=True, behind=BEHIND),
        Process(
            "responding", ["-m", "nephoscope.serve.responding", settings.encoded()], waits=True, behind=BEHIND
        ),
        Process("sources", ["-m", "nephoscope.serve.ingesting", settings.encoded()], waits=True),
    )


def supervisor(settings: Settings, say: Callable[[str], None]) -> Supervisor:
    """The supervisor of a server."""
    spare = Process("spare", ["-m", "nephoscope.serve.spare"], (settings.web_fd,))
    return Supervisor(processes(settings), say, lambda: answers(settings.web), noting(settings), spare=spare)


def answers(path: str) -> None:
    """Return when the web process at a socket answers; what ends before it does is started again, and asked again."""
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(PATIENCE)
            try:
                asking.connect(path)
                asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if asking.recv(1):
                    return
            except OSError:
                pass
        time.sleep(TICK)
