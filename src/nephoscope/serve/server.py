"""A whole server: the socket, the certificate, and the processes that the supervisor keeps running."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from nephoscope.ingest.live.certificate_pair import check_time, read_certificate
from nephoscope.ingest.live.tls import create_server_context, issue_self_signed
from nephoscope.serve.core_dumps import disable_core_dumps
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.serve.status_file import make_status_writer
from nephoscope.serve.supervisor import ManagedProcess, ProcessSupervisor
from nephoscope.server_status import ASSESSING
from nephoscope.state.state import URL_VARIABLE

BACKLOG = 2048
#: Steps of priority by which what nobody waits for is behind pages, and records that come in.
BEHIND = 5
_HERE = "nephoscope.serve"
FRONT, WEB = f"{_HERE}.front_process", f"{_HERE}.web_process"
COMMAND = "nephoscope.cli.main"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def make_listener(host: str, port: int) -> socket.socket:
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
    return made


@contextmanager
def use_socket(settings: ServeSettings) -> Iterator[ServeSettings]:
    """The settings with a socket between the front and the web process, in a folder that only its owner can look into."""
    folder = Path(mkdtemp(prefix="nephoscope-"))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            path = folder / "web"
            made.bind(str(path))
            made.listen(BACKLOG)
            yield replace(settings, web_fd=made.fileno(), web=str(path))
    finally:
        rmtree(folder, ignore_errors=True)


def ensure_certificate(settings: ServeSettings) -> tuple[ServeSettings, str]:
    """The settings with a certificate, and the path of the authority that clients are to trust ('' for one that was given).

    Raises SourceError for a certificate that cannot be used.
    """
    if settings.certificate:
        check_time(Path(settings.certificate), read_certificate(Path(settings.certificate)))
        create_server_context(settings.certificate, settings.key)
        return settings, ""
    names = tuple(dict.fromkeys([*settings.names, settings.host, *LOOPBACK]))
    usable = tuple(one for one in names if one not in ("0.0.0.0", "::"))  # noqa: S104 - left out, not bound to
    certificate, key, authority = issue_self_signed(settings.data.resolve() / "tls", usable)
    return replace(settings, certificate=str(certificate), key=str(key)), str(authority)


def list_server_processes(settings: ServeSettings) -> tuple[ManagedProcess, ...]:
    """Return what a server consists of: the front, the web process and the workers."""

    def import_begin(name: str) -> Callable[[], object]:
        return lambda: import_module(name).begin(settings)

    return (
        ManagedProcess("front", import_begin(FRONT), (settings.fd,), reads=(FRONT,)),
        ManagedProcess("web", import_begin(WEB), (settings.web_fd,), reads=(WEB,)),
        ManagedProcess(ASSESSING, import_begin(f"{_HERE}.assessment_worker"), waits=True, behind=BEHIND),
        ManagedProcess("detection", lambda: _run_detection_command(settings), waits=True, behind=BEHIND),
        ManagedProcess("responding", import_begin(f"{_HERE}.automation_worker"), waits=True, behind=BEHIND),
        ManagedProcess("trying", import_begin(f"{_HERE}.trial_worker"), waits=True, behind=BEHIND),
        ManagedProcess("registries", import_begin(f"{_HERE}.registry_worker"), waits=True, behind=BEHIND),
        ManagedProcess("sources", import_begin(f"{_HERE}.ingest_worker"), waits=True),
    )


def _run_detection_command(settings: ServeSettings) -> None:
    """Become the command that runs detection rules on their schedule; what it needs has been read before the fork."""
    if settings.state:  # it may hold a password, so that no argument says it
        os.environ[URL_VARIABLE] = settings.state
    sys.argv = ["nephoscope", "--data", str(settings.data), "detect", "--schedule", "--no-respond"]
    import_module(COMMAND).main()


def build_supervisor(
    settings: ServeSettings, say: Callable[[str], None], stop: threading.Event
) -> ProcessSupervisor:
    """The supervisor of a server, until `stop` is set."""
    disable_core_dumps()
    return ProcessSupervisor(
        list_server_processes(settings),
        say,
        ReadinessProbe(settings.web),
        _load_templates,
        make_status_writer(settings),
        stop=stop,
    )


def _load_templates() -> None:
    """Read the templates of pages, so that a web process that is started again has them."""
    from nephoscope.web.rendering.templates import build_environment

    drawing = build_environment()
    for name in drawing.list_templates(["html"]):
        drawing.get_template(name)


@dataclass
class ReadinessProbe:
    """Tells whether the web process at a socket answers, without waiting for it: what was asked is looked for again and again."""

    path: str
    _asked: socket.socket | None = None

    def __call__(self) -> bool:
        """Return whether it has answered by now; where it ended over the question it is asked again."""
        try:
            if self._asked is None:
                self._asked = self._probe_readiness()
            answered = bool(self._asked.recv(1))
        except BlockingIOError:
            return False
        except OSError:
            answered = False
        if self._asked is not None:
            self._asked.close()
            self._asked = None
        return answered

    def _probe_readiness(self) -> socket.socket:
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        asking.setblocking(False)
        try:
            asking.connect(self.path)
            asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        except OSError:
            asking.close()
            raise
        return asking
