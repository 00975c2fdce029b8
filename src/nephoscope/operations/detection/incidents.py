"""Incidents, as commands change, close, comment and merge them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text

OPERATIONS = OperationGroup("incidents", "Incidents", "An incident", "List, update and close incidents.")
WRITE = "Microsoft.SecurityInsights/incidents/write"
COMMENT, TASK = (f"Microsoft.SecurityInsights/incidents/{one}/write" for one in ("comments", "tasks"))


class OfIncidents(InWorkspace, frozen=True, kw_only=True):
    """A request about incidents."""

    numbers: Annotated[tuple[int, ...], describe("Numbers.", metavar="NUMBERS...", argument=True)]


class IncidentChange(OfIncidents, frozen=True, kw_only=True):
    """Changes of incidents; what is left out stays."""

    status: (
        Annotated[Literal["New", "Active"], describe("New status; use `close` to close the incident.")]
        | UnsetType
    ) = UNSET
    owner: Annotated[Text, describe("New owner ('' = unassigned).", metavar="NAME")] | UnsetType = UNSET
    severity: (
        Annotated[Literal["High", "Medium", "Low", "Informational"], describe("New severity.")] | UnsetType
    ) = UNSET
    title: Annotated[Text, describe("New title, kept when more alerts join.", metavar="TEXT")] | UnsetType = (
        UNSET
    )
    labels: (
        Annotated[
            tuple[Text, ...],
            describe("Labels that replace the present ones.", option="--label", metavar="TEXT"),
        ]
        | UnsetType
    ) = UNSET


class IncidentClosing(OfIncidents, frozen=True, kw_only=True):
    """Closing of incidents: classification, reason and comment."""

    classification: Annotated[
        Literal["TruePositive", "BenignPositive", "FalsePositive", "Undetermined"],
        describe("Classification.", option="--as"),
    ]
    reason: Annotated[
        Text,
        describe("Reason for a false positive: IncorrectAlertLogic or InaccurateData.", metavar="WORD"),
    ] = ""
    comment: Annotated[Text, describe("Comment, also stored as ClassificationComment.", metavar="TEXT")] = ""


class CommentText(InWorkspace, frozen=True, kw_only=True):
    """A comment to add."""

    text: Annotated[str, describe("Text.", argument=True)]


class IncidentTask(InWorkspace, frozen=True, kw_only=True):
    """A task to add or to complete."""

    text: Annotated[str, describe("Text.", argument=True)] = ""
    done: Annotated[int, describe("Complete this task instead of adding one.", metavar="ID")] | None = None


class MergedIncidents(InWorkspace, frozen=True, kw_only=True):
    """Incidents that are merged into another."""

    others: Annotated[tuple[int, ...], describe("Numbers.", metavar="OTHERS...", argument=True)]


@OPERATIONS.operation(WRITE, command=CommandLine("set"), needs_lake=True)
def change_incidents(call: OperationCall, body: IncidentChange) -> None:
    """Set status, owner, severity, title or labels of incidents. If one cannot be changed, none is changed."""
    from nephoscope.service.incidents import change_incidents
    from nephoscope.state.incidents.incidents import IncidentStatus

    given = {name: getattr(body, name) for name in ("status", "owner", "severity", "title", "labels")}
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not UNSET}
    if body.status is not UNSET:
        changes["status"] = IncidentStatus(body.status)
    change_incidents(call.service, call.workspace(body.workspace), body.numbers, "set", changes)


@OPERATIONS.operation(WRITE, command=CommandLine("close"), needs_lake=True)
def close_incidents(call: OperationCall, body: IncidentClosing) -> None:
    """Close incidents. If one cannot be closed, none is closed."""
    from nephoscope.service.incidents import change_incidents
    from nephoscope.state.incidents.incidents import IncidentStatus

    changes = {
        "status": IncidentStatus.CLOSED,
        "classification": body.classification,
        "reason": body.reason,
    }
    own = call.workspace(body.workspace)
    change_incidents(call.service, own, body.numbers, "close", changes, body.comment)


@OPERATIONS.operation(COMMENT, command=CommandLine("comment"), needs_lake=True)
def add_comment(call: OperationCall, number: int, body: CommentText) -> None:
    """Add the comment TEXT to the incident NUMBER."""
    from nephoscope.service.incidents import add_note
    from nephoscope.state.incidents.incidents import NoteKind

    add_note(call.service, call.workspace(body.workspace), number, NoteKind.COMMENT, body.text)


@OPERATIONS.operation(TASK, command=CommandLine("task"), needs_lake=True)
def add_or_complete_task(call: OperationCall, number: int, body: IncidentTask) -> None:
    """Add the task TEXT to the incident NUMBER, or complete a task."""
    from nephoscope.service.incidents import add_note, complete_task
    from nephoscope.state.incidents.incidents import NoteKind

    own = call.workspace(body.workspace)
    if bool(body.text) == (body.done is not None):
        raise RefusedRequestError("the text of a task is required, or --done with a task ID", "text")
    if body.done is None:
        add_note(call.service, own, number, NoteKind.TASK, body.text)
    else:
        complete_task(call.service, own, number, body.done)


@OPERATIONS.operation(WRITE, command=CommandLine("merge"), needs_lake=True)
def merge_incidents(call: OperationCall, number: int, body: MergedIncidents) -> None:
    """Merge the incidents OTHERS into the incident NUMBER: their alerts move, and they are closed."""
    from nephoscope.service.incidents import merge_incidents

    merge_incidents(call.service, call.workspace(body.workspace), number, body.others)
