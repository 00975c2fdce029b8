"""Workflow automations: what is sent on when an assessment, a score, an alert or an incident changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec

from nephoscope.operations.declaration.operation import (
    CommandLine,
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
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
from nephoscope.state import StateError

if TYPE_CHECKING:
    from nephoscope.service.automation_options import AutomationOptions

OPERATIONS = OperationGroup("automations", "Workflow automations", "An automation")
TYPE = "Microsoft.Security/automations"
READ, WRITE, DELETE, TEST = (f"{TYPE}/{one}" for one in ("read", "write", "delete", "test/action"))
TENANT, _FAULT = f"/providers/{TYPE}", 3
EventSource = Literal[
    "Assessments", "SubAssessments", "SecureScores", "SecureScoreControls", "RegulatoryComplianceAssessment", "AttackPaths",
    "AssessmentsSnapshot", "SubAssessmentsSnapshot", "SecureScoresSnapshot", "SecureScoreControlsSnapshot",
    "RegulatoryComplianceAssessmentSnapshot", "AttackPathsSnapshot", "Alerts", "Incidents", "IdentityRisks",
]  # fmt: skip
#: Option that an error begins with -> the field of the form.
_PLACES = {
    "--on": "events", "--where": "where", "--webhook": "webhook", "--secret": "secret", "--batch": "batch", "--mail": "mail",
    "an action is required": "webhook", "secret": "secret", "command": "program", "files": "files", "workspace": "table",
    "the scope": "scopes", "the document": "document",
    "No event hub": "keep", "No Logic App": "keep",
}  # fmt: skip
#: Address in the document of an automation -> the field of the form.
_ADDRESSES = {"url": "webhook", "uri": "logic_app", "connectionString": "event_hub"}


# fmt: off
class AutomationBody(Shape, frozen=True, kw_only=True):
    """An automation as its form and its command have it."""

    name: Annotated[Name, describe("Unique name.", argument=True)]
    events: Annotated[tuple[EventSource, ...], describe(
        "Type of the exported documents: Assessments and Alerts export each change, AssessmentsSnapshot exports everything weekly.",
        label="Send when", group="Trigger", option="--on", metavar="EVENTS",
    )] = ()
    where: Annotated[tuple[Text, ...], describe(
        "All must hold, one per line, such as `properties.status.code Equals Unhealthy`: see docs/guides/automation.md.",
        label="Conditions", metavar="'PATH OPERATOR VALUE'",
    )] = ()
    scopes: Annotated[tuple[Text, ...], describe(
        "IDs of subscriptions or resource groups: only events at or below them; leave empty for all.", option="--scope", metavar="ID",
    )] = ()
    webhook: Annotated[Text, describe("HTTPS address to post to, signed with the secret.", group="Send to", metavar="URL")] = ""
    secret: Annotated[Text, describe(
        "Secret that signs the webhook (`response secret NAME`).", label="Webhook secret", metavar="NAME",
    )] = ""
    batch: Annotated[int, describe("Maximum number of records in one request.", label="Records per request", ge=1, le=500)] = 1
    mail: Annotated[tuple[Text, ...], describe("Addresses to send an email to, one per line.", metavar="ADDRESS")] = ()
    program: Annotated[Text, describe(
        "Command allowed in `operator.yaml`.", label="Command", option="--command", metavar="NAME",
    )] = ""
    files: Annotated[Text, describe("Folder allowed in `operator.yaml`.", label="Files", metavar="NAME")] = ""
    table: Annotated[Text, describe("Workspace whose tables get the records.", label="Workspace", metavar="WORKSPACE")] = ""
    event_hub: Annotated[str, describe(
        "Connection string of an event hub.", label="Event hub", secret=True, max_length=2000,
    )] = ""
    logic_app: Annotated[str, describe(
        "Callback URL of the trigger of a Logic App.", label="Logic App", secret=True, max_length=2000,
    )] = ""


class AutomationChange(AutomationBody, frozen=True, kw_only=True):
    """An automation as the form that edits it has it: `keep` are the targets that stay as they are stored."""

    keep: Annotated[tuple[Literal["EventHub", "LogicApp"], ...], describe(
        "Stored targets to keep. An address that is entered above replaces the stored one.", label="Keep",
    )] = ()


class NewAutomation(AutomationBody, frozen=True, kw_only=True):
    """An automation to be kept, by its fields or as a document."""

    document: Annotated[str, describe(
        "Automation as a JSON document in Azure's format, instead of the other fields.", label="Document", group="Or a document",
        option="--from", block=True, secret=True, max_length=4 << 20,
    )] = ""
# fmt: on


class AutomationKept(Shape, frozen=True, kw_only=True):
    """The ID of an automation that was kept, and whether it is new."""

    id: str
    new: bool


class TestRequest(Shape, frozen=True, kw_only=True):
    """A test of an automation."""

    do: Annotated[bool, describe("Send the first matching document.")] = False


class HistoryQuery(Shape, frozen=True, kw_only=True):
    """The runs of an automation, or of all."""

    name: Annotated[Text, describe("Name or ID of the automation.", argument=True)] = ""
    most: Annotated[int, describe("Maximum number of rows, newest first.", ge=1, le=10_000)] = 100


def _map_event_names(_: OperationCall) -> Mapping[str, str]:
    from nephoscope.service.automation_options import describe_events

    return describe_events()


def _map_secret_names(call: OperationCall) -> Mapping[str, str]:
    names = call.state.credentials.names()
    kept = sorted(one.removeprefix("response.") for one in names if one.startswith("response."))
    return {"": "none", **{one: one for one in kept}}


def _map_workspace_names(call: OperationCall) -> Mapping[str, str]:
    return {"": "none", **{one: one for one in call.state.workspaces.names()}}


def _list_page_rows(found: list[Row]) -> list[Row]:
    names = ("name", "status", "events", "actions", "scopes", "error", "editable")
    return [{"id": str(one["id"]).lstrip("/"), **{name: one[name] for name in names}} for one in found]


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "list", columns=("name", "enabled", "events", "actions", "scopes", "error"),
        nothing="no automations: create one with nephoscope automations add",
        failed=lambda found: _FAULT * any(one["unusable"] for one in found),
    ),
    page=SectionList(
        "Workflow automations", "Response", "automation",
        "What is sent to other systems when recommendations, scores, compliance, alerts or incidents change.",
        key="id", name="name", guide="automation.md", facets=("status", "events"), names=("events",), rows=_list_page_rows,
        columns=(
            PageColumn("name", "Automation"), PageColumn("status", "Status"), PageColumn("events", "Events", optional=True),
            PageColumn("actions", "Actions", optional=True), PageColumn("scopes", "Scope", optional=True),
            PageColumn("error", "Error", optional=True),
        ),
    ),
)  # fmt: skip
def list_automations(call: OperationCall) -> list[Row]:
    """List automations and their failed runs. Exits 3 if one is invalid or refers to something that does not
    exist.
    """
    from nephoscope.automation.rule_catalog import load_automations
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
    from nephoscope.service.automations import load_readiness

    found, wrong = load_automations(call.state, PublishedSnapshotCache(call.service.data))
    with translate_errors("", ValueError):
        ready = load_readiness(call.service) if found else None
    editable = {
        one.key
        for one in call.state.arm_documents.all([TYPE.lower()])
        if _is_automation_editable(one.key, one.body)
    }
    tallies = call.state.run_standings.tally_by_rule()
    missing = {
        one.key: "; ".join(ready.list_missing_requirements(one)) for one in found if ready and one.enabled
    }
    nothing: Row = {"enabled": False, "events": [], "actions": [], "scopes": []}
    return [
        *(
            {
                "name": one.title, "enabled": one.enabled, "events": list(one.sources),
                "actions": [str(each["action"]) for each in one.actions], "scopes": list(one.scope.scopes),
                "error": "; ".join(filter(None, (missing.get(one.key), tallies[one.key].failure if one.key in tallies else ""))),
                "id": one.key, "status": "on" if one.enabled else "off", "editable": one.key in editable,
                "unusable": bool(missing.get(one.key)),
            }
            for one in found
        ),
        *(
            {
                "name": one.title, **nothing, "error": one.reason, "id": one.key, "status": "refused",
                "editable": one.key in editable, "unusable": True,
            }
            for one in wrong
        ),
    ]  # fmt: skip


def _is_automation_editable(key: str, body: Mapping[str, object]) -> bool:
    """Return whether the form can show all that an automation says."""
    from nephoscope.files.json_tree import get_tree
    from nephoscope.service.automation_options import read_options

    return (
        key == f"{TENANT}/{body.get('name')}".lower()
        and read_options(get_tree(body, "properties")) is not None
    )


@OPERATIONS.operation(READ, page=RowTable("Matches now"))
def list_matches(call: OperationCall, id: Text) -> list[Row]:  # noqa: A002 - the key of a row
    """List the number of published documents that the automation would send now, with the first of each event."""
    from nephoscope.automation.rule_trial import list_matches
    from nephoscope.service.automations import find_automation

    try:
        found = find_automation(call.service, id)
    except StateError:  # it cannot be used
        return []
    return [
        {
            "Event": ", ".join(dict.fromkeys(one.source for one in trigger.kinds)), "Matches": count,
            "First": str((first or {}).get("id", "")),
        }
        for trigger, count, first in list_matches(call.service.data, found)
    ]  # fmt: skip


#: Type of a target that is reached by a secret -> its field.
_TARGETS = {"EventHub": "event_hub", "LogicApp": "logic_app"}


def _map_retention_names(_: OperationCall) -> Mapping[str, str]:
    return {"EventHub": "the stored event hub", "LogicApp": "the stored Logic App"}


_CHOICES = {"events": _map_event_names, "secret": _map_secret_names, "table": _map_workspace_names}


@OPERATIONS.operation(
    WRITE,
    command=CommandLine(
        "add", lambda kept: f"automation {kept.id.rpartition('/')[2]} {'added' if kept.new else 'changed'}"
    ),
    page=OperationForm("Create an automation", made=lambda kept: kept.id.lower().lstrip("/"), choices=_CHOICES),
)  # fmt: skip
def create_automation(call: OperationCall, body: NewAutomation) -> AutomationKept:
    """Create the automation NAME, or replace it. Its page and `automations test` count what it would send now,
    and send the first.
    """
    return AutomationKept(id=f"{TENANT}/{body.name}", new=_put_automation(call, body, body.document))


def _read_fields(call: OperationCall, key: str) -> Row:
    """Return the fields of an automation as it is."""
    from nephoscope.files.json_tree import get_tree
    from nephoscope.service.automation_options import read_options

    document = call.state.arm_documents.get(_to_id(key))
    if document is None:
        raise MissingError(f"An automation {key[:200]}")
    options = read_options(get_tree(document.body, "properties")) or {}
    return {"batch": 1, **options, "name": document.body.get("name")}


@OPERATIONS.operation(
    WRITE,
    page=OperationForm(
        "Edit the automation", like=_read_fields, when=lambda row: bool(row["editable"]),
        choices={**_CHOICES, "keep": _map_retention_names},
    ),
)  # fmt: skip
def change_automation(call: OperationCall, id: Text, body: AutomationChange) -> None:  # noqa: A002 - the key of a row
    """Replace the automation; the next change uses it."""
    if f"{TENANT}/{body.name}".lower() != _to_id(id):
        raise RefusedRequestError("name cannot be changed: create an automation with the new name", "name")
    _put_automation(call, body, keep=body.keep)


def _to_id(row: str) -> str:
    """Return the lower-cased id of a row, whose address has it without the first slash."""
    return f"/{row.lstrip('/')}"


def _put_automation(
    call: OperationCall, body: AutomationBody, document: str = "", keep: Collection[str] = ()
) -> bool:
    """Keep an automation, whether it is new; `keep` are types of targets that stay as they are stored."""
    from nephoscope.service.automation_options import build_properties, read_document
    from nephoscope.service.automations import check_readiness, complete_actions, put_automation

    options_given = msgspec.structs.asdict(body)
    targets = {"EventHub": body.event_hub, "LogicApp": body.logic_app}
    options = {name: options_given[name] for name in AutomationBody.__struct_fields__}
    options |= {_TARGETS[kind]: "stored" for kind in keep if not targets[kind]}
    with _list_refusals():
        given = (
            read_document(document)
            if document
            else {"properties": build_properties(cast("AutomationOptions", options))}
        )
        named = {"id": f"{TENANT}/{body.name}", "name": body.name, "type": TYPE}
        kept = complete_actions(call.service, {**given, **named}, targets, keep)
        check_readiness(call.service, kept)
        return put_automation(call.service, kept)


@OPERATIONS.operation(TEST, needs_lake=True, page=OperationForm("Send the first match"))
def test_automation(call: OperationCall, id: Text) -> None:  # noqa: A002 - the key of a row
    """Do each action with the first document that the automation matches now. The page Automations lists the runs."""
    from nephoscope.service.automations import find_automation, try_automation

    runs = try_automation(call.service, call.lake, find_automation(call.service, id))
    if not runs:
        raise RefusedRequestError("No published document matches the automation now.")
    if failed := next((one for one in runs if one.status.value != "done"), None):
        raise RefusedRequestError(f"{failed.action}: {failed.status.value}: {failed.detail}")


@OPERATIONS.operation(
    TEST, needs_lake=True,
    command=CommandLine("test", lambda found: "\n".join(found[0]), failed=lambda found: _FAULT * found[1]),
)  # fmt: skip
def count_matches(call: OperationCall, name: Text, body: TestRequest) -> tuple[list[str], bool]:
    """Count the published documents that match the automation NAME now; with --do, send the first one."""
    from nephoscope.automation.event_kinds import ALERTS, INCIDENTS
    from nephoscope.automation.rule_trial import list_matches
    from nephoscope.service.automations import find_automation, try_automation

    found = find_automation(call.service, name)
    counts = list_matches(call.service.data, found)
    lines = [f"{trigger.kinds[0].source}: {count:,} documents" for trigger, count, _ in counts]
    lines += [
        f"{source}: these events are sent as they happen and cannot be tested"
        for source in sorted({ALERTS, INCIDENTS}.intersection(found.sources))
    ]
    runs = try_automation(call.service, call.lake, found) if body.do else []
    lines += [f"{one.action}: {one.status.value}: {one.detail}" for one in runs]
    return lines, any(one.status.value != "done" for one in runs)


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "history", columns=("id", "status", "action", "on", "attempts", "created", "detail"), nothing="no runs"
    ),
)  # fmt: skip
def list_history(call: OperationCall, query: HistoryQuery) -> list[Row]:
    """List the runs of the automation NAME, or of all; `response retry` repeats failed runs."""
    from nephoscope.state.automation.automation_runs import RuleLanguage

    key = _find_key(call, query.name) if query.name else ""
    return [
        {
            "id": one.id, "status": one.status.value, "rule": one.rule, "action": one.action, "on": f"{one.kind} {one.subject}",
            "attempts": one.attempts, "created": one.created, "detail": one.detail,
        }
        for one in call.state.automation_runs.list_runs_in_language(RuleLanguage.AUTOMATION, key, query.most)
    ]  # fmt: skip


@OPERATIONS.operation(
    DELETE,
    command=CommandLine("remove", "automation {name} removed"),
    page=OperationForm("Delete", closes=True, danger=True),
)
def delete_automation(call: OperationCall, name: Text) -> None:
    """Remove the automation NAME (or ID) with its secrets, even if it is invalid. Runs that have started
    continue.
    """
    from nephoscope.service.automations import remove_automation

    remove_automation(call.service, _find_key(call, name))


def _find_key(call: OperationCall, name: str) -> str:
    from nephoscope.service.automations import find_automation_key

    return find_automation_key(call.service, name)


@contextmanager
def _list_refusals() -> Iterator[None]:
    """Raise RefusedRequestError with the field that is wrong."""
    from nephoscope.automation.rule import AutomationError

    try:
        yield
    except AutomationError as error:
        raise RefusedRequestError(error.reason, _ADDRESSES.get(error.path.rpartition(".")[2], "")) from error
    except ValueError as error:
        message = str(error)
        field = next((one for word, one in _PLACES.items() if message.startswith(word)), "")
        raise RefusedRequestError(message, field) from error
