"""The Logs Ingestion protocol: applications and agents send records as they send them to Azure Monitor."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from threading import Event
from typing import Annotated

import msgspec
from msgspec import Meta

from nephoscope.ingest.live import validators
from nephoscope.ingest.live.connection_budget import ConnectionLimits
from nephoscope.ingest.live.file_descriptors import DESCRIPTORS, explain_descriptor_shortage
from nephoscope.ingest.live.https_server import AppServer, bind_socket
from nephoscope.ingest.live.ingestion.api_tokens import IngestionTokens
from nephoscope.ingest.live.ingestion.data_collection_rules import (
    DataCollectionRule,
    check_rules,
    load_rules,
    make_implied_rule,
)
from nephoscope.ingest.live.ingestion.ingestion_app import IngestionEndpoint, build_app
from nephoscope.ingest.live.ingestion.rule_quota import IngestionLimits
from nephoscope.ingest.live.listen_address import parse_listen_address
from nephoscope.ingest.live.live_source import WHOLE, SourceContext, SourceKind, SourceSink
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.ingest.live.request_timeouts import RequestTimeouts
from nephoscope.ingest.live.tls import check_tls, create_server_context, issue_self_signed
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError

_LOG = logging.getLogger("nephoscope.sources")


class LogsIngestionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a Logs Ingestion API source: the address to listen on and the data collection rules."""

    listen: Annotated[str, Meta(description="Address for HTTPS.")] = "127.0.0.1:8443"
    rules: Annotated[
        list[str],
        Meta(description="Files of data collection rules, as Azure shows them. Without any, the source's name is the id of a rule "
        "whose streams `Custom-T` and `Microsoft-T` go to the table T as they are."),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    certificate: Annotated[
        str, Meta(description="Certificate in PEM, its chain after it. Without one nephoscope makes its own.")
    ] = ""
    key: Annotated[
        str, Meta(description="Private key of the certificate in PEM, where it is not in the same file.")
    ] = ""
    client_ca: Annotated[
        str, Meta(description="Authority in PEM: only clients that show a certificate of it are let in.")
    ] = ""
    names: Annotated[
        list[str], Meta(description="Names and addresses in a certificate of nephoscope's own.")
    ] = msgspec.field(default_factory=lambda: ["localhost", "127.0.0.1"])
    max_body: Annotated[
        int,
        Meta(description="Bytes of a request, packed or not (Azure: 1 MiB).", ge=1024, le=64 * 1024 * 1024),
    ] = 1_048_576
    requests_per_minute: Annotated[
        int, Meta(description="Requests a minute for each rule (Azure: 12,000).", ge=1)
    ] = 12_000
    bytes_per_minute: Annotated[
        int, Meta(description="Bytes a minute for each rule (Azure: 2 GiB).", ge=1024)
    ] = 2 * 1024**3
    workers: Annotated[int, Meta(description="Requests that are written at once.", ge=1, le=64)] = 8
    max_connections: Annotated[int, Meta(description="Connections open at once.", ge=1)] = 1000
    max_per_address: Annotated[
        int,
        Meta(
            description="Of these, connections of one address (of one /64 in IPv6); more behind a proxy or NAT.",
            ge=1,
        ),
    ] = 200
    handshake: Annotated[
        float, Meta(description="Seconds after which a TLS handshake must be done.", gt=0, le=600)
    ] = 20.0
    head: Annotated[
        float, Meta(description="Seconds for the line and the headers of a request.", gt=0, le=600)
    ] = 20.0
    body: Annotated[
        float,
        Meta(
            description="Seconds for the body of a request, and one more for every 16 KiB of it.",
            gt=0,
            le=3600,
        ),
    ] = 60.0
    idle: Annotated[
        float,
        Meta(description="Seconds that a connection may be silent between two requests.", gt=0, le=3600),
    ] = 75.0


@dataclass(slots=True)
class LogsIngestionSource:
    """One listener. `port` is the one in use while it runs; `ready` is set once it listens."""

    settings: LogsIngestionSettings
    around: SourceContext
    port: int = 0
    ready: Event = field(default_factory=Event)

    def test(self) -> str:
        """Read the rules, compile their transforms, bind the address, let go."""
        rules = self._load_rules()
        self._open_tokens()
        listener = bind_socket(parse_listen_address(self.settings.listen, "listen"))
        listener.close()
        streams = sum(len(rule.streams) for rule in rules.values())
        return f"can listen on {self.settings.listen}; {len(rules)} rule(s), {streams} stream(s)"

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Serve until stopped; requests under way are ended first."""
        chosen = self.settings

        def report_error(text: str, key: str) -> None:
            _LOG.warning("%s: %s", self.around.name, text)
            sink.report_health(error=text, key=key)

        if short := explain_descriptor_shortage(chosen.max_connections):
            report_error(short, DESCRIPTORS)
        else:
            sink.report_working(DESCRIPTORS)
        limits = IngestionLimits(chosen.max_body, chosen.requests_per_minute, chosen.bytes_per_minute)
        door = IngestionEndpoint(
            sink, self._open_tokens(), self._load_rules(), make_implied_rule(self.around.name, self.around.table),
            self.around.name, limits, chosen.workers,
        )  # fmt: skip
        tls = self.create_tls_context()
        listener = bind_socket(parse_listen_address(chosen.listen, "listen"))
        self.port = listener.getsockname()[1]
        served = AppServer(
            build_app(door), listener, tls, bounds=ConnectionLimits(chosen.max_connections, chosen.max_per_address, chosen.handshake),
            pace=RequestTimeouts(chosen.head, chosen.body), idle=chosen.idle, failure_log=LogRateLimiter(report_error),
        )  # fmt: skip
        self.ready.set()
        sink.report_working(WHOLE)
        try:
            while not stop.wait(0.5):
                if not served.is_alive:
                    raise SourceError("the listener stopped unexpectedly: see the log")
        finally:
            served.close()
            listener.close()

    def create_tls_context(self) -> ssl.SSLContext:
        """The certificate to serve with."""
        certificate, key = self.settings.certificate, self.settings.key
        if not certificate:
            own, own_key, _ = issue_self_signed(self.around.folder / "tls", tuple(self.settings.names))
            certificate, key = str(own), str(own_key)
        return create_server_context(certificate, key, self.settings.client_ca)

    def _open_tokens(self) -> IngestionTokens:
        kept = self.around.secrets.get("tokens", "")
        if not kept:
            raise SourceSettingsError(f"tokens: no valid token yet: create one for {self.around.name}")
        return IngestionTokens(kept)

    def _load_rules(self) -> dict[str, DataCollectionRule]:
        return load_rules(list(self.settings.rules), self.around.table, self.around.make_table)


def check(settings: LogsIngestionSettings, around: SourceContext) -> None:
    """Raise SourceSettingsError for an address that cannot be, SourceError for files that are not there and rules that cannot be."""
    parse_listen_address(settings.listen, "listen")
    check_tls(settings.certificate, settings.key, settings.client_ca, settings.names)
    for path in settings.rules:
        validators.validate_file("rules", path)
    check_rules(settings.rules, around.table)


KIND = SourceKind(
    "logs_ingestion",
    "The Logs Ingestion protocol of Azure Monitor, with data collection rules and their transforms",
    LogsIngestionSettings,
    LogsIngestionSource,
    secrets={"tokens": "Hashes of the tokens that are let in."},
    check=check,
    label="Logs Ingestion API",
)
