"""Settings of a source of Kafka: which brokers and topics, how to sign in, and what of these cannot be."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.ingest.live import credential_validation, validators
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.source_failures import SourceSettingsError

_LOOPBACK = ("127.0.0.1:", "localhost:", "[::1]:")
#: The user that Event Hubs know a connection string by.
CONNECTION_STRING = "$ConnectionString"
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
#: Ways to sign in that show the secret `password`.
_BY_PASSWORD = frozenset({"connection-string", "plain", "scram-sha-256", "scram-sha-512"})


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a source that reads from Kafka brokers: brokers, topics and sign-in."""

    brokers: Annotated[
        list[str],
        Meta(description="Brokers, `NAMESPACE.servicebus.windows.net:9093` for Event Hubs.", min_length=1),
    ]
    topics: Annotated[list[str], Meta(description="Event hubs, or topics.", min_length=1)]
    group: Annotated[
        str, Meta(description="The consumer group; processes of one group share the partitions.")
    ] = "$Default"
    sign_in: Annotated[
        Literal[
            "connection-string", "plain", "scram-sha-256", "scram-sha-512", "entra", "certificate", "none"
        ],
        Meta(
            description="`connection-string`, `plain` and `scram-*` need the secret `password`; `entra` takes a token of "
            "`credential`; `certificate` shows one; `none`."
        ),
    ] = "connection-string"
    username: Annotated[str, Meta(description="User of `plain` and `scram-*`.")] = ""
    credential: Annotated[
        Literal["managed-identity", "default", "service-principal", "workload-identity", "environment", "developer"],
        Meta(description="How to get a token for `entra`."),
    ] = "managed-identity"  # fmt: skip
    cloud: Annotated[
        str,
        Meta(
            description="Which cloud issues tokens: public, usgovernment, china, or a file of its endpoints."
        ),
    ] = "public"
    tls: Annotated[
        bool,
        Meta(description="Whether connections are encrypted; only brokers on this machine may do without."),
    ] = True
    ca: Annotated[str, Meta(description="Authority to trust, in PEM (default: the system's).")] = ""
    certificate: Annotated[str, Meta(description="Certificate to show, in PEM.")] = ""
    key: Annotated[str, Meta(description="Private key of the certificate, in PEM.")] = ""
    start: Annotated[
        Literal["earliest", "latest"], Meta(description="Where a group that has read nothing yet begins.")
    ] = "earliest"
    format: Annotated[str, Meta(description="The format of all messages; `auto` recognizes each record.")] = (
        "auto"
    )
    destination: Annotated[
        Literal["both", "dedicated", "azure-diagnostics"],
        Meta(
            description="Where resource logs go that Azure can write to tables of their own or to AzureDiagnostics."
        ),
    ] = "both"
    session: Annotated[
        float,
        Meta(
            description="Seconds after which a process that is not heard of loses its partitions.",
            ge=6,
            le=300,
        ),
    ] = 30.0
    batch: Annotated[int, Meta(description="Messages that are handed over at once.", ge=1, le=100_000)] = 1000


def check_settings(settings: BrokerSettings, around: SourceContext) -> None:
    """Raise SourceSettingsError for brokers, topics or a way to sign in that cannot be, SourceError for files that are not there."""
    for broker in settings.brokers:
        validators.validate_host_and_port("brokers", broker, "NAMESPACE.servicebus.windows.net:9093")
    if not settings.tls and not all(broker.startswith(_LOOPBACK) for broker in settings.brokers):
        raise SourceSettingsError("tls: false is allowed only for brokers on this machine: remove it")
    for topic in settings.topics:
        if not _TOPIC.fullmatch(topic):
            raise SourceSettingsError(
                f"topics: must be names of letters, digits, dot, dash and underscore, not '{topic}'"
            )
    validators.require_filled("group", [settings.group], "the name of a consumer group")
    validators.validate_cloud(settings.cloud)
    validators.validate_log_format(settings.format)
    _check_credentials(settings, around)
    validators.validate_authority_file("ca", settings.ca)


def _check_credentials(settings: BrokerSettings, around: SourceContext) -> None:
    named = settings.sign_in in ("plain", "scram-sha-256", "scram-sha-512")
    if named:
        validators.require_filled("username", [settings.username], f"given for sign_in={settings.sign_in}")
        credential_validation.validate_sasl("username", settings.username)
        credential_validation.validate_sasl("password", around.get_secret("password"))
    if settings.sign_in == "connection-string" or (named and settings.username == CONNECTION_STRING):
        credential_validation.validate_connection_string("password", around.get_secret("password"))
    if settings.sign_in == "certificate":
        validators.require_filled("certificate", [settings.certificate], "given for sign_in=certificate")
    validators.validate_certificate(settings.certificate, settings.key)


def list_secrets_in_use(settings: BrokerSettings) -> tuple[str, ...]:
    """The secrets that settings sign in with."""
    return ("password",) if settings.sign_in in _BY_PASSWORD else ()
