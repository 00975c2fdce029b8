"""Run the server: web pages, Azure's APIs, and workers that collect, assess, ingest and detect."""

from __future__ import annotations

import errno
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.state_access import find_state_url
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.ingest.source_failures import SourceError
from nephoscope.state import StateError

if TYPE_CHECKING:
    import socket

    from nephoscope.serve.instance_lock import InstanceLock
    from nephoscope.serve.server_settings import ServeSettings

FAULT = 3
DEMO_SECONDS = 600.0
LEAVE_SECONDS, LOCK_SECONDS, LOOK_SECONDS = 10.0, 1.0, 0.05
FILE = click.Path(exists=True, dir_okay=False)


class _ServeOptions(TypedDict):
    host: str
    port: int
    names: tuple[str, ...]
    certificate: str | None
    key: str | None
    tenant: str
    assess_every: float
    scan_machines_every: float
    behind: tuple[str, ...]
    managed_identity: str
    requests_a_minute: int
    query_seconds: float
    queries: int
    queries_of_one: int
    query_memory: int
    json_logs: bool
    demo: bool


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8443,
    show_default=True,
    help="Port to listen on; 0 selects a free port.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="Host name or address of the server, for its certificate; may be repeated.",
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PEM",
    help="Certificate file with its chain.",
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PEM",
    help="Private key file of the certificate.",
)
@click.option("--tenant", default="", metavar="GUID", help="Tenant ID in tokens and responses.")
@click.option(
    "--assess-every", type=click.FloatRange(0.1, 24 * 30), default=8.0, show_default=True, metavar="HOURS",
    help="Hours between assessments.",
)  # fmt: skip
@click.option(
    "--scan-machines-every", type=click.FloatRange(0, 24 * 30), default=0.0, show_default=True, metavar="HOURS",
    help="Hours between malware scans of each machine whose agent allows scans; 0 schedules none.",
)  # fmt: skip
@click.option(
    "--behind",
    multiple=True,
    callback=lambda *given: _parse_addresses(given[-1]),
    metavar="ADDRESS",
    help="Trusted proxy, whose X-Forwarded-For and -Proto headers are used.",
)
@click.option(
    "--managed-identity",
    default="",
    metavar="NAME",
    help=(
        "Issue tokens of the managed identity NAME to programs on this machine; it is read-only "
        "and limited to loopback addresses."
    ),
)
@click.option(
    "--requests-a-minute", type=click.IntRange(60, 10_000_000), default=3000, show_default=True, metavar="N",
    help="Requests per minute for each credential; the limit of an address is five times higher.",
)  # fmt: skip
@click.option(
    "--query-seconds", type=click.FloatRange(1, 3600), default=60.0, show_default=True, metavar="SECONDS",
    help=("Time limit of a query in seconds; clients cannot exceed it (Prefer: wait, " "servertimeout)."),
)  # fmt: skip
@click.option(
    "--queries", type=click.IntRange(1, 256), default=8, show_default=True, metavar="N",
    help="Maximum number of concurrent queries; others are queued.",
)  # fmt: skip
@click.option(
    "--queries-of-one", type=click.IntRange(1, 256), default=4, show_default=True, metavar="N",
    help=("Maximum number of concurrent queries for one user or program; 16 more are queued, " "others are rejected with 429."),
)  # fmt: skip
@click.option(
    "--query-memory", type=click.IntRange(256, 1 << 20), default=2048, show_default=True, metavar="MIB",
    help="Memory limit of all queries together; a query that exceeds it fails.",
)  # fmt: skip
@click.option("--json-logs", is_flag=True, help="Log in JSON, one object per line.")
@click.option("--demo", is_flag=True, help="Assess the bundled sample company if nothing was assessed yet.")
@click.pass_obj
def command(data: Path, /, **options: Unpack[_ServeOptions]) -> None:
    """Serve the web pages and APIs on one port until Ctrl-C, with TLS by default. Without --certificate, the
    first start creates a certificate authority and a certificate, and prints its path for clients to
    trust. The first user signs in with a printed single-use link that is valid for 30 minutes.
    """
    stop = threading.Event()
    _stop_on_signals(stop)
    wanted = _build_settings(data, options)
    with _hold_instance_lock(wanted, stop) as lock:
        if lock is None:
            return
        begun = _prepare_settings(wanted, stop, demo=options["demo"])
        if begun is not None and not stop.is_set():
            _run_server(*begun, lock, stop)


@contextmanager
def _hold_instance_lock(settings: ServeSettings, stop: threading.Event) -> Iterator[InstanceLock | None]:
    """The lock of the data folder, None when stopped before; a usage error that names the server which has it.

    Whoever looks whether it is held has it for a moment: it is asked for a second.
    """
    from nephoscope.serve.instance_lock import acquire_lock, read_lock_holder
    from nephoscope.serve.preflight import check_folder_is_writable

    check_folder_is_writable(settings.data)
    until = time.monotonic() + LOCK_SECONDS
    while not stop.is_set():
        with acquire_lock(settings.data) as lock:
            if lock is not None:
                lock.answers()
                yield lock
                return
        if time.monotonic() > until:
            who = read_lock_holder(settings.data) or "another process"
            exit_with_usage_error(
                f"{settings.data}: a server already runs on this folder: {who}; stop it, or use another "
                "--data"
            )
        stop.wait(LOOK_SECONDS)
    yield None


def _prepare_settings(
    wanted: ServeSettings, stop: threading.Event, *, demo: bool
) -> tuple[ServeSettings, str] | None:
    """The settings and the authority's path when all is there that a server needs; None where it is to stop before."""
    from nephoscope.cli.session.ingest_inputs import remove_abandoned_folders
    from nephoscope.serve.preflight import check
    from nephoscope.serve.server import ensure_certificate

    if stop.is_set():
        return None
    try:
        check(wanted)
        settings, authority = ensure_certificate(wanted)
    except (SourceError, StateError) as error:
        exit_with_usage_error(str(error))
    _check_identity(settings)
    remove_abandoned_folders(settings.data)
    if demo and not stop.is_set():
        _evaluate_demo(settings, stop)
    return settings, authority


def _run_server(settings: ServeSettings, authority: str, lock: InstanceLock, stop: threading.Event) -> None:
    """Serve until stopped."""
    from nephoscope.serve.server import build_supervisor, use_socket

    listening = _open_listener(settings, stop)
    if listening is None:
        return
    settings = replace(settings, port=listening.getsockname()[1], fd=listening.fileno())
    with listening, use_socket(settings) as settings:
        lock.answers(_format_address(settings))
        keeper = build_supervisor(settings, print_message, stop)
        keeper.begin()
        try:
            _print_address(settings, authority)
        except BaseException:
            keeper.end()
            raise
        keeper.run()


def _print_address(settings: ServeSettings, authority: str) -> None:
    base = _format_address(settings)
    click.echo(f"nephoscope is available at {base}")
    if authority:
        click.echo(f"its certificate is trusted through {authority}")
    if link := _create_first_link(settings):
        click.echo(f"sign in (single-use link): {base}/link/{link}")


def _format_address(settings: ServeSettings) -> str:
    return f"https://{_format_display_host(settings.host)}:{settings.port}"


def _parse_addresses(given: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses and networks of proxies; a usage error for what no proxy could have, since it would be believed silently never."""
    from ipaddress import ip_network

    for one in given:
        try:
            ip_network(one)
        except ValueError as error:
            raise click.BadParameter(f"{error}: must be the address or network of a proxy") from error
    return given


def _build_settings(data: Path, options: _ServeOptions) -> ServeSettings:
    from nephoscope.access.query_queue import QueryLimits
    from nephoscope.access.tokens import NO_TENANT
    from nephoscope.serve.server_settings import ServeSettings

    return ServeSettings(
        data=data.absolute(),
        state=find_state_url(),
        host=options["host"],
        port=options["port"],
        names=options["names"],
        certificate=options["certificate"] or "",
        key=options["key"] or options["certificate"] or "",
        tenant=options["tenant"].lower() or NO_TENANT,
        assess_hours=options["assess_every"],
        malware_scan_hours=options["scan_machines_every"],
        behind=options["behind"],
        managed_identity=options["managed_identity"],
        requests_a_minute=options["requests_a_minute"],
        query_seconds=options["query_seconds"],
        queries=QueryLimits(options["queries"], options["queries_of_one"], seconds=options["query_seconds"]),
        query_memory=options["query_memory"],
        json_logs=options["json_logs"],
    )


def _check_identity(settings: ServeSettings) -> None:
    """A usage error where a managed identity is wanted that others than this machine could get, or that does more than read."""
    from nephoscope.access.managed_identity import ManagedIdentityError, find_bound_principal
    from nephoscope.serve.server import LOOPBACK
    from nephoscope.state import State

    if not settings.managed_identity:
        return
    if settings.host not in LOOPBACK or settings.behind:
        exit_with_usage_error(
            "--managed-identity requires a loopback --host and no --behind: the endpoint is limited "
            "to this machine"
        )
    try:
        with State.open_folder(settings.data, settings.state) as state:
            find_bound_principal(state.principals, settings.managed_identity)
    except ManagedIdentityError as error:
        exit_with_usage_error(f"--managed-identity: {error}")


def _open_listener(settings: ServeSettings, stop: threading.Event) -> socket.socket | None:
    """A socket that listens, None when stopped; waits for the processes of a server of this folder whose supervisor was killed."""
    from nephoscope.serve.server import make_listener
    from nephoscope.server_status import read

    until = time.monotonic() + LEAVE_SECONDS
    while not stop.is_set():
        earlier = read(settings.data)
        try:
            return make_listener(settings.host, settings.port)
        except OSError as error:
            if earlier is None or not earlier.ends or time.monotonic() > until:
                exit_with_usage_error(_explain_listen_failure(settings, error))
            stop.wait(LOOK_SECONDS)
    return None


def _explain_listen_failure(settings: ServeSettings, error: OSError) -> str:
    problem = f"--host {settings.host} --port {settings.port}: {(error.strerror or str(error)).lower()}"
    remedies = {
        errno.EADDRINUSE: "stop the process that listens there, or use another --port",
        errno.EACCES: "give a --port from 1024 on, or let the system allow this one",
        errno.EADDRNOTAVAIL: "use a --host that this machine has",
    }
    return f"{problem}; {remedies[error.errno]}" if error.errno in remedies else problem


def _format_display_host(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104 - compared only


def _create_first_link(settings: ServeSettings) -> str:
    """A link for the first person while nobody has signed in yet, '' after, and where none can be kept, which is told."""
    try:
        return _make_link(settings)
    except StateError as error:
        print_message(f"no first sign-in link could be created: {error}")
        return ""


def _make_link(settings: ServeSettings) -> str:
    from nephoscope.access.authenticator import Guard
    from nephoscope.access.scopes import Hierarchy
    from nephoscope.state import State
    from nephoscope.state.access.principals import PrincipalKind

    with State.open_folder(settings.data, settings.state) as state:
        people = [one for one in state.principals.all() if one.kind is PrincipalKind.PERSON]
        if any(one.seen for one in people):
            return ""
        return Guard(state, lambda: Hierarchy({})).create_first_link()


def _evaluate_demo(settings: ServeSettings, stop: threading.Event) -> None:
    """Judge the sample estate where nothing was judged yet; in a process of its own, as the supervisor opens no engine.

    It is killed when stopped meanwhile: the next start judges anew.
    """
    from nephoscope.posture.scans.scan import read_last_scan_request
    from nephoscope.serve.child_process import fork_process

    if read_last_scan_request(settings.data) is None:
        click.echo("assessing the bundled company")
        judging = fork_process(lambda: _assess_sample(settings), "demo")
        until = time.monotonic() + DEMO_SECONDS
        while (code := judging.poll()) is None and not stop.wait(LOOK_SECONDS):
            if time.monotonic() > until:
                break
        judging.send(signal.SIGKILL)
        if code is None and not stop.is_set():
            print_message(f"the bundled company was not assessed within {DEMO_SECONDS:.0f} s")
        if code != 0 and not stop.is_set():
            sys.exit(FAULT)


def _assess_sample(settings: ServeSettings) -> None:
    from nephoscope.posture.scans.scan import SAMPLE, ScanRequest, save_request
    from nephoscope.serve.assessment_worker import assess_request
    from nephoscope.serve.parent_watch import end_with_parent
    from nephoscope.state import State

    end_with_parent()
    with State.open_folder(settings.data, settings.state) as state:
        assess_request(settings, ScanRequest((SAMPLE,)), state)
    save_request(ScanRequest((SAMPLE,)), settings.data)


def _stop_on_signals(stop: threading.Event) -> None:
    """Let every signal to end be the same request, however early it comes and however often."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
