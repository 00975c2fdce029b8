"""The actions of Azure's automations as actions of the engine, and the credentials that their secrets are kept as."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nephoscope.automation.action import find_action_kind

#: Of an action what is a secret: it is kept as a credential.
HIDDEN = ("uri", "connectionString", "sasPolicyName")


def build_credential_name(key: str, at: int, name: str) -> str:
    """The name under which a secret of the action at an index of an automation is kept; `key` is its lower-cased id."""
    return f"automation-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}-{at}-{name}"


def list_secret_names(key: str, names: Iterable[str]) -> list[str]:
    """Return which of the names of credentials are an automation's; `key` is its lower-cased id."""
    prefix = build_credential_name(key, 0, "").rsplit("-", 2)[0]
    return [one for one in names if one.startswith(f"{prefix}-")]


@dataclass(frozen=True, slots=True)
class ActionSecret:
    """A secret of the action at an index of an automation, by its name in Azure's document."""

    at: int
    name: str
    value: str = field(repr=False)


def list_secrets(body: Mapping[str, Any]) -> list[ActionSecret]:
    """Return every secret that the document of an automation holds."""
    actions = (body.get("properties") or {}).get("actions") or []
    return [
        ActionSecret(at, name, action[name])
        for at, action in enumerate(actions)
        for name in HIDDEN
        if isinstance(action, dict) and isinstance(action.get(name), str)
    ]


def map_secret_names(key: str, secrets: Iterable[ActionSecret]) -> dict[str, str]:
    """Return the secrets by the names of the credentials that they are kept as; `key` is the automation's lower-cased id."""
    return {build_credential_name(key, one.at, one.name): one.value for one in secrets}


def to_engine_action(key: str, at: int, given: object) -> dict[str, object]:
    """Return the settings of the engine's action; ValueError where there is none for it."""
    kind = given.get("actionType") if isinstance(given, dict) else None
    make = _KINDS.get(str(kind))
    if make is None:
        raise ValueError(f"actionType must be one of {', '.join(_KINDS)} (got {kind!r})")
    settings: dict[str, Any] = make(key, at, given)
    find_action_kind(settings["action"]).parse(settings)
    return settings


def _convert_logic_app(key: str, at: int, given: Mapping[str, object]) -> dict[str, object]:
    """A Logic App is told by its address, which has the right to tell it within."""
    del given
    return {"action": "webhook", "address": build_credential_name(key, at, "uri")}


def _convert_event_hub(key: str, at: int, given: Mapping[str, object]) -> dict[str, object]:
    hub = str(given.get("eventHubResourceId") or "").rpartition("/")[2]
    return {
        "action": "event_hub",
        "connection": build_credential_name(key, at, "connectionString"),
        "hub": hub,
    }


def _convert_workspace(key: str, at: int, given: Mapping[str, object]) -> dict[str, object]:
    del key, at
    return {
        "action": "table",
        "workspace": str(given.get("workspaceResourceId") or "default").rpartition("/")[2].lower(),
    }


def _convert_webhook(key: str, at: int, given: Mapping[str, object]) -> dict[str, object]:
    del key, at
    found = {"action": "webhook", "url": given.get("url") or "", "secret": given.get("secret") or ""}
    return found | ({"batch": given["batch"]} if given.get("batch") else {})


def _convert_mail(key: str, at: int, given: Mapping[str, object]) -> dict[str, object]:
    del key, at
    return {"action": "mail", "to": given.get("to") or []}


def _make_named_action_converter(action: str) -> object:
    return lambda _key, _at, given: {"action": action, "name": given.get("name") or ""}


_KINDS: Mapping[str, Any] = {
    "LogicApp": _convert_logic_app,
    "EventHub": _convert_event_hub,
    "Workspace": _convert_workspace,
    "Webhook": _convert_webhook,
    "Mail": _convert_mail,
    "Command": _make_named_action_converter("command"),
    "Files": _make_named_action_converter("files"),
}
