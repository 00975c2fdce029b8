"""Syslog and CEF from devices and hosts, over UDP, TCP and TLS, into Syslog and CommonSecurityLog."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Annotated

import msgspec
from msgspec import Meta

from nephoscope.ingest.live.connection_budget import ConnectionLimits
from nephoscope.ingest.live.file_descriptors import DESCRIPTORS, explain_descriptor_shortage
from nephoscope.ingest.live.listen_address import parse_listen_address
from nephoscope.ingest.live.live_source import WHOLE, SourceContext, SourceKind, SourceSink, parse_zone
from nephoscope.ingest.live.syslog.batch_sender import BatchSender
from nephoscope.ingest.live.syslog.message_buffer import SyslogIntake
from nephoscope.ingest.live.syslog.tcp_listener import StreamLimits, TcpListener
from nephoscope.ingest.live.syslog.udp_listener import UdpListener
from nephoscope.ingest.live.tls import check_tls, create_server_context, issue_self_signed
from nephoscope.ingest.source_failures import SourceSettingsError

_LOG = logging.getLogger("nephoscope.sources")


class SyslogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a syslog source: addresses to listen on, at least one of udp, tcp and tls."""

    udp: Annotated[str, Meta(description="Address for UDP, such as `0.0.0.0:514`.")] = ""
    tcp: Annotated[
        str,
        Meta(description="Address for TCP. Octet-counted and line-feed framing are detected automatically."),
    ] = ""
    tls: Annotated[str, Meta(description="Address for TLS, such as `0.0.0.0:6514`.")] = ""
    certificate: Annotated[
        str,
        Meta(
            description="Certificate for TLS in PEM, its chain after it. Without one nephoscope makes its own."
        ),
    ] = ""
    key: Annotated[
        str, Meta(description="Private key of the certificate in PEM, where it is not in the same file.")
    ] = ""
    client_ca: Annotated[
        str, Meta(description="Authority in PEM: only senders that show a certificate of it are let in.")
    ] = ""
    names: Annotated[
        list[str], Meta(description="Names and addresses in a certificate of nephoscope's own.")
    ] = msgspec.field(default_factory=lambda: ["localhost", "127.0.0.1"])
    zone: Annotated[str, Meta(description="The time zone of times that name none, as in Europe/Berlin.")] = (
        "UTC"
    )
    max_message: Annotated[
        int,
        Meta(
            description="Bytes of the longest message; a longer one goes to quarantine.", ge=480, le=1_048_576
        ),
    ] = 65_536
    max_connections: Annotated[
        int, Meta(description="Connections open at once, for `tcp` and for `tls` each.", ge=1)
    ] = 1000
    max_per_address: Annotated[
        int,
        Meta(
            description="Of these, connections of one address (of one /64 in IPv6); more behind a relay or NAT.",
            ge=1,
        ),
    ] = 100
    handshake: Annotated[
        float, Meta(description="Seconds after which a TLS handshake must be done.", gt=0, le=600)
    ] = 20.0
    first_message: Annotated[
        float,
        Meta(
            description="Seconds after which a connection that brought no whole message is closed (0 = never).",
            ge=0,
        ),
    ] = 300.0
    idle: Annotated[
        float,
        Meta(
            description="Seconds after which a connection that has brought messages and is silent is closed (0 = never). Senders that "
            "are gone are found sooner, by TCP's keep-alive.",
            ge=0,
        ),
    ] = 86_400.0


@dataclass(slots=True)
class SyslogSource:
    """The listeners of one source. `ports` are those in use while it runs, by protocol; `ready` is set once it listens."""

    settings: SyslogSettings
    around: SourceContext
    ports: dict[str, int] = field(default_factory=dict)
    ready: Event = field(default_factory=Event)

    def test(self) -> str:
        """Bind every address and let go."""
        with self._open_listeners(SyslogIntake(), _ListenerReports()):
            return "can listen on " + ", ".join(f"{name} {port}" for name, port in self.ports.items())

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Listen, and hand over in batches, until stopped; what was read by then is handed over before this returns."""
        intake, reports = SyslogIntake(), _ListenerReports(sink, self.around.name)
        chosen = self.settings
        if short := explain_descriptor_shortage(
            chosen.max_connections * (bool(chosen.tcp) + bool(chosen.tls))
        ):
            reports.report_failure(short, DESCRIPTORS)
        else:
            sink.report_working(DESCRIPTORS)
        with ExitStack() as listeners:
            listeners.enter_context(self._open_listeners(intake, reports))
            self.ready.set()
            sink.report_working(WHOLE)
            threading.Thread(target=_close_on_stop, args=(stop, listeners, intake), daemon=True).start()
            try:
                BatchSender(intake, sink, stop, reports.report_failure, reports.report_dropped).run()
            finally:
                stop.set()

    @contextmanager
    def _open_listeners(self, intake: SyslogIntake, reports: _ListenerReports) -> Iterator[None]:
        chosen = self.settings
        with ExitStack() as opened:
            if chosen.udp:
                datagrams = UdpListener(
                    parse_listen_address(chosen.udp, "udp"),
                    intake,
                    chosen.max_message,
                    reports.report_dropped,
                )
                opened.callback(datagrams.close)
                self.ports["udp"] = datagrams.port
            if chosen.tcp or chosen.tls:
                limits = StreamLimits(chosen.max_message, chosen.first_message, chosen.idle)
                bounds = ConnectionLimits(chosen.max_connections, chosen.max_per_address, chosen.handshake)
                streams = TcpListener(intake, limits, bounds, reports.report_failure)
                opened.callback(streams.close)
                if chosen.tcp:
                    self.ports["tcp"] = streams.listen(parse_listen_address(chosen.tcp, "tcp"))
                if chosen.tls:
                    self.ports["tls"] = streams.listen(
                        parse_listen_address(chosen.tls, "tls"), self._load_tls_context()
                    )
            yield

    def _load_tls_context(self) -> ssl.SSLContext:
        certificate, key = self.settings.certificate, self.settings.key
        if not certificate:
            own, own_key, _ = issue_self_signed(self.around.folder / "tls", tuple(self.settings.names))
            certificate, key = str(own), str(own_key)
        return create_server_context(certificate, key, self.settings.client_ca)


@dataclass(frozen=True, slots=True)
class _ListenerReports:
    """What the listeners have to tell, passed on to health and the log."""

    sink: SourceSink | None = None
    name: str = ""

    def report_failure(self, error: str, key: str) -> None:
        _LOG.warning("%s: %s", self.name, error)
        if self.sink is not None:
            self.sink.report_health(error=error, key=key)

    def report_dropped(self, count: int) -> None:
        if self.sink is not None:
            self.sink.report_health(dropped=count)


def _close_on_stop(stop: Event, listeners: ExitStack, intake: SyslogIntake) -> None:
    """Once told to stop: close the listeners, which reads what has arrived, and then end the intake."""
    stop.wait()
    listeners.close()
    intake.close()


def check(settings: SyslogSettings, _: SourceContext) -> None:
    """Raise SourceSettingsError for addresses or a zone that cannot be, SourceError for files that are not there."""
    given = {name: text for name in ("udp", "tcp", "tls") if (text := getattr(settings, name))}
    if not given:
        raise SourceSettingsError("udp, tcp or tls: set an address to listen on, such as 0.0.0.0:514")
    for name, text in given.items():
        parse_listen_address(text, name)
    if settings.tcp and settings.tcp == settings.tls and not settings.tcp.endswith(":0"):
        raise SourceSettingsError(f"tls: must differ from the address of tcp, {settings.tcp}")
    parse_zone(settings.zone)
    check_tls(settings.certificate, settings.key, settings.client_ca, settings.names)


KIND = SourceKind(
    "syslog",
    "Syslog and CEF over UDP, TCP and TLS",
    SyslogSettings,
    SyslogSource,
    check=check,
    label="Syslog",
)
