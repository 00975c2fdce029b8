"""Automation options, as the command line and the form of an automation have them; errors name the option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypedDict

from nephoscope.files.json_text import JsonTextError, decode_json
from nephoscope.files.json_tree import get_text, list_trees


class AutomationOptions(TypedDict):
    """Options of an automation: its events and its actions, as its form and its command give them."""

    events: tuple[str, ...]
    where: tuple[str, ...]
    scopes: tuple[str, ...]
    webhook: str
    secret: str
    batch: int
    mail: tuple[str, ...]
    program: str
    files: str
    table: str
    event_hub: str
    logic_app: str


_PLAIN = {
    "Assessments": "a recommendation changes state", "SubAssessments": "a finding changes", "SecureScores": "a score changes",
    "SecureScoreControls": "a control of the score changes", "RegulatoryComplianceAssessment": "a compliance state changes",
    "AttackPaths": "an attack path changes", "Alerts": "an alert is raised", "Incidents": "an incident is created or changed",
    "IdentityRisks": "the risk of an identity changes",
}  # fmt: skip
_WEEKLY = {
    "Assessments": "all recommendations", "SubAssessments": "all findings", "SecureScores": "all secure scores",
    "SecureScoreControls": "all controls", "RegulatoryComplianceAssessment": "all compliance states",
    "AttackPaths": "all attack paths",
}  # fmt: skip


def describe_events() -> dict[str, str]:
    """Return what people call the events of automations, by their names in a document."""
    return {**_PLAIN, **{f"{name}Snapshot": f"every week: {word}" for name, word in _WEEKLY.items()}}


def build_properties(options: AutomationOptions) -> dict[str, object]:
    """The properties that options say; ValueError where they name no event, no action, or what there is not."""
    _check_options(options)
    rules = [_parse_rule(text) for text in options["where"]]
    sets = [{"rules": rules}] if rules else []
    return {
        "isEnabled": True, "scopes": [{"scopePath": one} for one in options["scopes"]],
        "sources": [{"eventSource": one, "ruleSets": sets} for one in options["events"]], "actions": list(_list_actions(options)),
    }  # fmt: skip


def read_document(text: str) -> dict[str, object]:
    """The document of an automation as Azure has it; ValueError where the text is none."""
    try:
        found = decode_json(text.encode())
    except JsonTextError as error:
        raise ValueError(f"the document: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("the document must be a JSON object")
    return found


def read_options(document: Mapping[str, object]) -> dict[str, object] | None:
    """Return the options that the properties of an automation come from, None where options cannot say all of them.

    What an event hub or a Logic App is reached by is kept elsewhere: `keep` names those that there are.
    """
    sources, actions = list_trees(document, "sources"), list_trees(document, "actions")
    sets = [list_trees(one, "ruleSets") for one in sources]
    if not sources or any(one != sets[0] for one in sets) or len(sets[0]) > 1:
        return None
    rules = list_trees(sets[0][0], "rules") if sets[0] else []
    if any(get_text(one, "propertyType") not in ("", "String") for one in rules):
        return None
    found: dict[str, object] = {
        "events": [get_text(one, "eventSource") for one in sources],
        "where": [" ".join(get_text(one, name) for name in _RULE) for one in rules],
        "scopes": [get_text(one, "scopePath") for one in list_trees(document, "scopes")],
    }
    keep: list[str] = []
    for one in actions:
        kind = get_text(one, "actionType")
        if kind in KEPT and kind not in keep:
            keep.append(kind)
            continue
        settings = _READ.get(kind)
        if settings is None or any(option in found for option in settings.values()):
            return None
        found |= {option: one[name] for name, option in settings.items() if name in one}
    return {**found, "keep": keep}


#: Types of actions that are done by a secret alone, each once in an automation.
KEPT = ("EventHub", "LogicApp")
#: What a condition is written of, in the order of its option.
_RULE = ("propertyJPath", "operator", "expectedValue")
#: Type of action -> its settings, each with its option.
_READ: Mapping[str, Mapping[str, str]] = {
    "Webhook": {"url": "webhook", "secret": "secret", "batch": "batch"}, "Mail": {"to": "mail"}, "Command": {"name": "program"},
    "Files": {"name": "files"}, "Workspace": {"workspaceResourceId": "table"},
}  # fmt: skip


def _check_options(options: AutomationOptions) -> None:
    from nephoscope.automation.event_kinds import SOURCES

    if not options["events"]:
        raise ValueError("--on is required: the events that trigger the automation")
    for one in options["events"]:
        if one not in SOURCES:
            raise ValueError(f"--on must be one of {', '.join(SOURCES)} (got {one})")
    if not list(_list_actions(options)):
        raise ValueError(
            "an action is required: --webhook, --mail, --command, --files, --table, --event-hub, "
            "--logic-app, or --from a document"
        )
    if options["webhook"] and not options["secret"]:
        raise ValueError(
            "--webhook requires --secret NAME to sign its requests: store one with `nephoscope "
            "response secret NAME`"
        )
    for name, given in (("--secret", options["secret"]), ("--batch", options["batch"] != 1)):
        if given and not options["webhook"]:
            raise ValueError(f"{name} requires --webhook")
    for one in options["mail"]:
        if "@" not in one.strip("@"):
            raise ValueError(f"--mail must be an address such as soc@contoso.com (got {one})")


def _list_actions(options: AutomationOptions) -> Iterator[dict[str, object]]:
    if options["webhook"]:
        webhook = {"url": options["webhook"], "secret": options["secret"], "batch": options["batch"]}
        yield {"actionType": "Webhook", **webhook}
    if options["mail"]:
        yield {"actionType": "Mail", "to": list(options["mail"])}
    for name, kind in ((options["program"], "Command"), (options["files"], "Files")):
        if name:
            yield {"actionType": kind, "name": name}
    if options["table"]:
        yield {"actionType": "Workspace", "workspaceResourceId": options["table"]}
    if options["event_hub"]:
        yield {"actionType": "EventHub"}
    if options["logic_app"]:
        yield {"actionType": "LogicApp"}


def _parse_rule(text: str) -> dict[str, str]:
    from nephoscope.automation.rule_formats.security_automations import OPERATORS

    parts = text.split(None, 2)
    if len(parts) != 3:
        raise ValueError(
            "--where must be PATH OPERATOR VALUE, such as 'properties.status.code Equals Unhealthy' "
            f"(got {text!r})"
        )
    if parts[1] not in OPERATORS:
        raise ValueError(
            f"--where {text!r}: the operator must be one of {', '.join(OPERATORS)} (got {parts[1]})"
        )
    return {
        "propertyJPath": parts[0],
        "operator": parts[1],
        "expectedValue": parts[2],
        "propertyType": "String",
    }
