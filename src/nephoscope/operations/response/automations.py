"""Workflow automations: what is sent on when an assessment, a score, an alert or an incident changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from nephoscope.files.json_tree import tree_of
from nephoscope.operations.declaration.operation import (
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import (
    OperationForm,
    PageColumn,
    Row,
    RowTable,
    SectionList,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Name, Shape, Text
from nephoscope.service.automations import DELETE, READ, TEST, WRITE

if TYPE_CHECKING:
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.service.automation_options import AutomationOptions

OPERATIONS = OperationGroup("automations", "Workflow automations", "An automation")
EventSource = Literal[
    "Assessments", "SubAssessments", "SecureScores", "SecureScoreControls", "RegulatoryComplianceAssessment", "AttackPaths",
    "AssessmentsSnapshot", "SubAssessmentsSnapshot", "SecureScoresSnapshot", "SecureScoreControlsSnapshot",
    "RegulatoryComplianceAssessmentSnapshot", "AttackPathsSnapshot", "Alerts", "Incidents",
]  # fmt: skip
_PLAIN = {
    "Assessments": "a recommendation changes state", "SubAssessments": "a finding changes", "SecureScores": "a score changes",
    "SecureScoreControls": "a control of the score changes", "RegulatoryComplianceAssessment": "a compliance state changes",
    "AttackPaths": "an attack path changes", "Alerts": "an alert is raised", "Incidents": "an incident is created or changed",
}  # fmt: skip
_WEEKLY = {
    "Assessments": "all recommendations", "SubAssessments": "all findings", "SecureScores": "all secure scores",
    "SecureScoreControls": "all controls", "RegulatoryComplianceAssessment": "all compliance states",
    "AttackPaths": "all attack paths",
}  # fmt: skip
#: Option that an error begins with -> the field of the form.
_PLACES = {
    "--on": "events", "--where": "where", "--webhook": "webhook", "--secret": "secret", "--batch": "batch", "--mail": "mail",
    "an action is required": "webhook", "secret": "secret", "command": "program", "files": "files", "workspace": "table",
    "the scope": "scopes",
}  # fmt: skip
#: Address in the document of an automation -> the field of the form.
_ADDRESSES = {"url": "webhook", "uri": "logic_app", "connectionString": "event_hub"}


class AutomationBody(Shape, frozen=True, kw_only=True):
    """An automation as its form has it."""

    name: Annotated[Name, describe("Unique name.")]
    events: Annotated[tuple[EventSource, ...], describe("Events.", label="Send when", group="Trigger")] = (
        "Assessments",
    )
    where: Annotated[
        tuple[Text, ...],
        describe(
            "All must hold, one per line, such as `properties.status.code Equals Unhealthy`.",
            label="Conditions",
        ),
    ] = ()
    scopes: Annotated[
        tuple[Text, ...],
        describe("IDs of subscriptions or resource groups, one per line; leave empty for all."),
    ] = ()
    webhook: Annotated[Text, describe("HTTPS address to post to.", group="Send to")] = ""
    secret: Annotated[Text, describe("Secret that signs the request.", label="Webhook secret")] = ""
    batch: Annotated[
        int, describe("Maximum number of records in one request.", label="Records per request", ge=1, le=500)
    ] = 1
    mail: Annotated[tuple[Text, ...], describe("Addresses to send an email to, one per line.")] = ()
    table: Annotated[Text, describe("Workspace whose tables get the records.", label="Workspace")] = ""
    program: Annotated[Text, describe("Command allowed in `operator.yaml`.", label="Command")] = ""
    files: Annotated[Text, describe("Folder allowed in `operator.yaml`.", label="Files")] = ""
    event_hub: Annotated[
        str, describe("Connection string of an event hub.", label="Event hub", secret=True, max_length=2000)
    ] = ""
    logic_app: Annotated[
        str,
        describe(
            "Callback URL of the trigger of a Logic App.", label="Logic App", secret=True, max_length=2000
        ),
    ] = ""


class AutomationChange(AutomationBody, frozen=True, kw_only=True):
    """An automation as the form that edits it has it: `keep` are the targets that stay as they are stored."""

    keep: Annotated[
        tuple[Literal["EventHub", "LogicApp"], ...],
        describe(
            "Stored targets to keep. An address that is entered above replaces the stored one.", label="Keep"
        ),
    ] = ()


def _name_events(_: OperationCall) -> Mapping[str, str]:
    weekly = {f"{name}Snapshot": f"every week: {word}" for name, word in _WEEKLY.items()}
    return {**_PLAIN, **weekly}


def _name_kept(_: OperationCall) -> Mapping[str, str]:
    return {"EventHub": "the stored event hub", "LogicApp": "the stored Logic App"}


def _name_secrets(call: OperationCall) -> Mapping[str, str]:
    names = call.state.credentials.names()
    kept = sorted(one.removeprefix("response.") for one in names if one.startswith("response."))
    return {"": "none", **{one: one for one in kept}}


def _name_workspaces(call: OperationCall) -> Mapping[str, str]:
    return {"": "none", **{one: one for one in call.state.workspaces.names()}}


@OPERATIONS.operation(
    READ,
    page=SectionList(
        "Workflow automations", "Response", "automation",
        "What is sent to other systems when recommendations, scores, compliance, alerts or incidents change.",
        key="id", name="name", guide="automation.md", facets=("status", "events"),
        columns=(
            PageColumn("name", "Automation"), PageColumn("status", "Status"), PageColumn("events", "Events", optional=True),
            PageColumn("actions", "Actions", optional=True), PageColumn("scopes", "Scope", optional=True),
            PageColumn("error", "Error", optional=True),
        ),
    ),
)  # fmt: skip
def automations(call: OperationCall) -> list[Row]:
    """List the automations. An automation that cannot be used shows the reason."""
    from nephoscope.automation.rule_catalogue import load_automations
    from nephoscope.automation.rule_formats.security_automations import TYPE
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    found, wrong = load_automations(call.state, PublishedSnapshotCache(call.service.data))
    editable = {one.key for one in call.state.arm_documents.all([TYPE]) if _is_editable(one.key, one.body)}
    tallies = call.state.run_standings.by_rule()
    return [
        *(
            {
                "id": one.key.lstrip("/"), "name": one.title, "status": "on" if one.enabled else "off", "events": list(one.sources),
                "actions": [str(each["action"]) for each in one.actions], "scopes": list(one.scope.scopes),
                "error": tallies[one.key].failure if one.key in tallies else "", "editable": one.key in editable,
            }
            for one in found
        ),
        *(
            {
                "id": one.key.lstrip("/"), "name": one.title, "status": "refused", "events": [], "actions": [], "scopes": [],
                "error": one.reason, "editable": one.key in editable,
            }
            for one in wrong
        ),
    ]  # fmt: skip


def _is_editable(key: str, body: Mapping[str, object]) -> bool:
    """Return whether the form can show all that an automation says."""
    from nephoscope.service.automation_options import read_options

    return (
        key == _make_id(str(body.get("name"))).lower()
        and read_options(tree_of(body, "properties")) is not None
    )


@OPERATIONS.operation(READ, page=RowTable("Matches now"))
def matches(call: OperationCall, id: Text) -> list[Row]:  # noqa: A002 - the key of a row
    """List the number of published documents that the automation would send now, with the first of each event."""
    from nephoscope.automation.rule_trial import list_matches

    found, _ = _find_automation(call, id)
    return [] if found is None else [
        {
            "Event": ", ".join(dict.fromkeys(one.source for one in trigger.kinds)), "Matches": count,
            "First": str((first or {}).get("id", "")),
        }
        for trigger, count, first in list_matches(call.service.data, found)
    ]  # fmt: skip


@OPERATIONS.operation(
    WRITE,
    page=OperationForm(
        "Create an automation",
        made=lambda key: key.lstrip("/"),
        choices={"events": _name_events, "secret": _name_secrets, "table": _name_workspaces},
    ),
)
def create(call: OperationCall, body: AutomationBody) -> str:
    """Create an automation, or replace the one with its name. Its page lists what it would send now, and sends the first."""
    _put_automation(call, body)
    return _make_id(body.name).lower()


def _read_fields(call: OperationCall, key: str) -> Row:
    """Return the fields of an automation as it is."""
    document = call.state.arm_documents.get(_to_id(key))
    if document is None:
        raise MissingError(f"An automation {key[:200]}")
    from nephoscope.service.automation_options import read_options

    options = read_options(tree_of(document.body, "properties")) or {}
    return {"batch": 1, **options, "name": document.body.get("name")}


@OPERATIONS.operation(
    WRITE,
    page=OperationForm(
        "Edit the automation", like=_read_fields, when=lambda row: bool(row["editable"]),
        choices={"events": _name_events, "secret": _name_secrets, "table": _name_workspaces, "keep": _name_kept},
    ),
)  # fmt: skip
def change(call: OperationCall, id: Text, body: AutomationChange) -> None:  # noqa: A002 - the key of a row
    """Replace the automation; the next change uses it."""
    if _make_id(body.name).lower() != _to_id(id):
        raise RefusedRequestError("name cannot be changed: create an automation with the new name", "name")
    _put_automation(call, body, body.keep)


def _make_id(name: str) -> str:
    from nephoscope.automation.rule_formats.security_automations import TENANT

    return f"{TENANT}/{name}"


def _to_id(row: str) -> str:
    """Return the lower-cased id of a row, whose address has it without the first slash."""
    return f"/{row.lstrip('/')}"


def _put_automation(call: OperationCall, body: AutomationBody, keep: Collection[str] = ()) -> None:
    from nephoscope.service.automation_options import properties
    from nephoscope.service.automations import put_automation

    with _refusals():
        given = properties(_to_options(body, keep))
        actions = given["actions"]
        assert isinstance(actions, list)
        told = [_complete_action(call, body, one) for one in actions]
        document = {
            "id": _make_id(body.name), "name": body.name, "type": "Microsoft.Security/automations",
            "properties": {**given, "actions": told},
        }  # fmt: skip
        _check_readiness(call, document)
        put_automation(call.service, document)


def _complete_action(call: OperationCall, body: AutomationBody, action: Row) -> Row:
    """Return an action with the secret that it needs: the one of the form, else the one that is stored."""
    from nephoscope.service.automations import reveal_action

    kind = str(action["actionType"])
    secret, value, what = {
        "EventHub": ("connectionString", body.event_hub, "event hub"), "LogicApp": ("uri", body.logic_app, "Logic App"),
    }.get(kind, ("", "", ""))  # fmt: skip
    if value or not secret:
        return {**action, secret: value} if secret else action
    stored = reveal_action(call.service, _make_id(body.name).lower(), kind)
    if stored is None:
        raise RefusedRequestError(f"No {what} is stored", "keep")
    return stored


@OPERATIONS.operation(TEST, needs_lake=True, page=OperationForm("Send the first match"))
def test(call: OperationCall, id: Text) -> None:  # noqa: A002 - the key of a row
    """Do each action with the first document that the automation matches now. The page Automations lists the runs."""
    from nephoscope.service.automations import try_automation

    runs = try_automation(call.service, call.lake, _require_automation(call, id))
    if not runs:
        raise RefusedRequestError("No published document matches the automation now.")
    if failed := next((one for one in runs if one.status.value != "done"), None):
        raise RefusedRequestError(f"{failed.action}: {failed.status.value}: {failed.detail}")


@OPERATIONS.operation(DELETE, page=OperationForm("Delete", closes=True, danger=True))
def delete(call: OperationCall, id: Text) -> None:  # noqa: A002 - the key of a row
    """Delete the automation with its secrets; runs that have started continue."""
    from nephoscope.service.automations import remove_automation

    remove_automation(call.service, _to_id(id))


def _require_automation(call: OperationCall, key: str) -> AutomationRule:
    found, reason = _find_automation(call, key)
    if reason:
        raise RefusedRequestError(reason)
    if found is None:
        raise MissingError(f"An automation {key[:200]}")
    return found


def _find_automation(call: OperationCall, key: str) -> tuple[AutomationRule | None, str]:
    """The automation of an id, or why it cannot be used."""
    from nephoscope.automation.rule_catalogue import load_automations
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    found, wrong = load_automations(call.state, PublishedSnapshotCache(call.service.data))
    wanted = _to_id(key)
    reason = next((one.reason for one in wrong if one.key == wanted), "")
    return next((one for one in found if one.key == wanted), None), reason


def _to_options(body: AutomationBody, keep: Collection[str]) -> AutomationOptions:
    return {
        "events": body.events, "where": body.where, "scopes": body.scopes, "webhook": body.webhook, "secret": body.secret,
        "batch": body.batch, "mail": body.mail, "program": body.program, "files": body.files, "table": body.table,
        "event_hub": body.event_hub or ("stored" if "EventHub" in keep else ""),
        "logic_app": body.logic_app or ("stored" if "LogicApp" in keep else ""), "file": None,
    }  # fmt: skip


def _check_readiness(call: OperationCall, document: Mapping[str, object]) -> None:
    """Raise ValueError for what an action names and is not there."""
    from nephoscope.automation.automation_readiness import Readiness
    from nephoscope.automation.operator_policy import operator
    from nephoscope.automation.rule_formats.security_actions import list_secrets, name_secrets
    from nephoscope.automation.rule_formats.security_automations import read_automation
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    rule, data = read_automation(document), call.service.data
    kept = {*call.state.credentials.names(), *name_secrets(rule.key, list_secrets(document))}
    ready = Readiness(data, call.state, operator(data), kept, PublishedSnapshotCache(data).newest())
    if why := ready.missing(rule):
        raise ValueError("; ".join(why))


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise RefusedRequestError with the field that is wrong."""
    from nephoscope.automation.rule import AutomationError

    try:
        yield
    except AutomationError as error:
        raise RefusedRequestError(error.reason, _ADDRESSES.get(error.path.rpartition(".")[2], "")) from error
    except ValueError as error:
        told = str(error)
        field = next((one for word, one in _PLACES.items() if told.startswith(word)), "")
        raise RefusedRequestError(told, field) from error
