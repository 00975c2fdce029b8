"""Sender instructions: what is set up at the other side so that rows arrive at a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.state.ingestion.sources import Source


@dataclass(frozen=True, slots=True)
class SenderInstruction:
    """A sentence about the sender, its configuration, and the section of the guide about it."""

    text: str
    snippet: str
    guide: str


def describe_sender(source: Source, host: str) -> SenderInstruction | None:
    """Return how to send to a source, whose server is reached as `host`; None for a kind that needs nothing set up."""
    describe = _KINDS.get(source.kind)
    return None if describe is None else describe(source, host)


def _explain_syslog(source: Source, host: str) -> SenderInstruction:
    lines = []
    for name, options in (
        ("udp", 'protocol="udp"'),
        ("tcp", 'protocol="tcp"'),
        ("tls", 'protocol="tcp" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="anon"'),
    ):
        if address := str(source.settings.get(name, "")):
            port = address.rpartition(":")[2]
            lines.append(f'*.* action(type="omfwd" target="{host}" port="{port}" {options})')
    return SenderInstruction(
        "Send syslog or CEF to this server. For rsyslog, add to /etc/rsyslog.d/nephoscope.conf and restart it:",
        "\n".join(lines),
        "syslog-and-cef-syslog",
    )


def _explain_ingestion(source: Source, host: str) -> SenderInstruction:
    port = str(source.settings.get("listen") or "127.0.0.1:8443").rpartition(":")[2]
    address = f"https://{host}:{port}/dataCollectionRules/{source.name}/streams/Custom-Orders_CL"
    return SenderInstruction(
        "Create a token above, then send rows as JSON by the Logs Ingestion protocol:",
        f"curl --cacert ca.crt -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' \\\n"
        f"  '{address}?api-version=2023-01-01' \\\n"
        '  -d \'[{"TimeGenerated": "2026-06-01T10:00:00Z", "Text": "a first row"}]\'',
        "applications-that-send-logs_ingestion",
    )


def _explain_storage(source: Source, _: str) -> SenderInstruction:
    account = (
        str(source.settings.get("account_url", "")).removeprefix("https://").partition(".")[0] or "ACCOUNT"
    )
    return SenderInstruction(
        "Let Azure write diagnostic logs to the storage account, for each resource:",
        "az monitor diagnostic-settings create --name nephoscope --resource RESOURCE_ID \\\n"
        f'  --storage-account {account} --logs \'[{{"categoryGroup": "allLogs", "enabled": true}}]\'',
        "storage-containers-storage",
    )


def _explain_hub(source: Source, _: str) -> SenderInstruction:
    brokers = source.settings.get("brokers", "")
    namespace = str(brokers[0] if isinstance(brokers, list) and brokers else brokers).partition(".")[0]
    return SenderInstruction(
        "Let Azure send diagnostic logs to the event hub, for each resource:",
        "az monitor diagnostic-settings create --name nephoscope --resource RESOURCE_ID \\\n"
        f"  --event-hub HUB --event-hub-rule AUTHORIZATION_RULE_ID_OF_{namespace or 'NAMESPACE'} \\\n"
        '  --logs \'[{"categoryGroup": "allLogs", "enabled": true}]\'',
        "event-hubs-and-kafka-event_hub",
    )


def _explain_folder(source: Source, _: str) -> SenderInstruction:
    paths = source.settings.get("paths", ())
    names = map(str, paths) if isinstance(paths, list | tuple) else [str(paths)]
    return SenderInstruction(
        "Put files into these folders of the server; files that grow are read as they grow:",
        "\n".join(names),
        "folders-folder",
    )


_KINDS: Mapping[str, Callable[[Source, str], SenderInstruction]] = {
    "syslog": _explain_syslog, "logs_ingestion": _explain_ingestion, "storage": _explain_storage, "event_hub": _explain_hub,
    "folder": _explain_folder,
}  # fmt: skip
