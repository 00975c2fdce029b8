"""Send what happened to an event hub, over its Kafka endpoint.

Source: https://learn.microsoft.com/azure/event-hubs/azure-event-hubs-apache-kafka-overview
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.operator_policy import EventHubPolicy
from nephoscope.automation.run_records import to_records
from nephoscope.ingest.live.broker_log import BrokerLog
from nephoscope.ingest.live.privileged_settings import are_hubs
from nephoscope.model.extras import get_install_command
from nephoscope.model.secret_redaction import redact_text
from nephoscope.state.automation.automation_runs import AutomationRun

_SECONDS = 60.0
_PORT = 9093


class EventHubActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the Event Hubs action: the hub and the sign-in to it."""

    connection: Annotated[
        str, Meta(description="Name of the secret with the connection string.", min_length=1)
    ]
    hub: Annotated[
        str, Meta(description="The event hub, where the connection string names none (EntityPath).")
    ] = ""


def run(settings: EventHubActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Send a message a record and wait until the hub has all of them; what was sent before a fault comes again with the same ids."""
    given = around.secret(settings.connection)
    parts = _parse_connection_string(given)
    broker, hub = _find_broker(parts), parts.get("EntityPath") or settings.hub
    if not broker or not hub:
        raise ActionError(
            "the connection string has no Endpoint=sb://..., or the event hub is missing", again=False
        )
    if why := explain_refusal(given, around.operator.event_hub):
        raise ActionError(why, again=False)
    producer = _build_producer(broker, given, around)
    failed: list[Any] = []

    def record_delivery(error: object, _: object) -> None:
        if error is not None:
            failed.append(error)

    count = 0
    for id_, record in to_records(run):
        content = {
            "id": id_,
            "type": run.kind,
            "timestamp": run.created,
            "workspace": run.workspace,
            "rule": run.rule,
            "data": record,
        }
        try:
            producer.produce(
                hub,
                msgspec.json.encode(content),
                key=id_,
                headers={"id": id_, "type": run.kind},
                on_delivery=record_delivery,
            )
        except BufferError:
            producer.flush(_SECONDS)
            producer.produce(
                hub,
                msgspec.json.encode(content),
                key=id_,
                headers={"id": id_, "type": run.kind},
                on_delivery=record_delivery,
            )
        count += 1
    left = producer.flush(_SECONDS)
    if failed or left:
        why = redact_text(str(failed[0].str())) if failed else "the broker did not confirm in time"
        raise ActionError(f"{broker}: {len(failed) + left} of {count} messages were not accepted: {why}")
    return ActionOutcome(f"{count} messages to {hub} at {broker}")


def explain_refusal(connection: str, allowed: EventHubPolicy) -> str:
    """Return why nothing is sent where a connection string leads, '' where it may be: to hubs of Azure, and what its
    operator names."""
    broker = _find_broker(_parse_connection_string(connection))
    if not broker or are_hubs([broker]) or broker in allowed.hosts or broker in allowed.plain:
        return ""
    return f"{broker} is not an Azure Event Hubs namespace; allow it in operator.yaml (event_hub.hosts)"


def _parse_connection_string(connection: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in connection.strip().strip(";").split(";") if "=" in part)


def _find_broker(parts: Mapping[str, str]) -> str:
    """HOST:PORT, '' where none is named."""
    host = parts.get("Endpoint", "").removeprefix("sb://").strip("/")
    return host if ":" in host or not host else f"{host}:{_PORT}"


def _build_producer(host: str, connection: str, around: ActionContext) -> Any:
    try:
        from confluent_kafka import KafkaException, Producer
    except ImportError as error:
        raise ActionError(
            f"event hubs require the extra kafka: {get_install_command('kafka')}", again=False
        ) from error
    plain = around.operator.event_hub.plain
    known = {
        "bootstrap.servers": host,
        "security.protocol": "plaintext" if host in plain else "sasl_ssl",
        "enable.idempotence": True,
        "message.timeout.ms": int(_SECONDS * 1000),
        "client.id": "nephoscope",
    }
    if host not in plain:
        known |= {
            "sasl.mechanisms": "PLAIN",
            "sasl.username": "$ConnectionString",
            "sasl.password": connection,
        }
        if around.operator.event_hub.ca:
            known["ssl.ca.location"] = around.operator.event_hub.ca
    try:
        return Producer(known, logger=BrokerLog())
    except KafkaException as error:
        raise ActionError(f"{host}: {redact_text(str(error))}", again=False) from error


KIND = ActionKind(
    "event_hub",
    "Send to an event hub",
    EventHubActionSettings,
    run=run,
    receiver=lambda one: one.connection,
    batch=500,
)
