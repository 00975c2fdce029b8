"""Runs of response: listed and shown, and what people decide of their plans."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import (
    Answer,
    OperationForm,
    PageColumn,
    Row,
    RowTable,
    SectionList,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import AnyJson, InWorkspace, Shape, Text

if TYPE_CHECKING:
    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.automation.automation_runs import AutomationRun

OPERATIONS = OperationGroup("response-runs", "Response runs", "A run")
READ = "Nephoscope/responses/read"
APPROVE, DENY, UNDO, RETRY = (
    f"Nephoscope/responses/{one}/action" for one in ("approve", "deny", "undo", "retry")
)
#: The exit code where a run has failed for good.
_FAILED = 3
RunStatusName = Literal["pending", "running", "done", "dead", "approve", "denied", "expired", "undone"]
RunId = Annotated[Text, describe("ID of the run, or its beginning.")]


class RunQuery(InWorkspace, frozen=True, kw_only=True):
    """A filter of runs."""

    status: Annotated[
        tuple[RunStatusName, ...],
        describe("Show only runs with this status: `approve` waits for approval, `dead` failed."),
    ] = ()
    most: Annotated[int, describe("Maximum number of rows, newest first.", ge=1, le=10_000)] = 100


class RunsToRetry(InWorkspace, frozen=True, kw_only=True):
    """Runs to retry."""

    ids: Annotated[tuple[Text, ...], describe("IDs of the runs.", argument=True, metavar="ID...")]


class ResponseRun(Shape, frozen=True, kw_only=True):
    """A run of an action; `requesters` asked for it and do not approve it, `by` decided last."""

    id: str
    status: RunStatusName
    rule: str
    action: str
    step: str
    on: str
    attempts: int
    begun: int
    cut_off: int
    due: datetime | None
    until: datetime | None
    by: str
    requesters: tuple[str, ...]
    detail: str
    created: datetime
    changed: datetime


class ResponseRunDetails(ResponseRun, frozen=True, kw_only=True):
    """A run with its settings, its plan (null: it has none) and the event."""

    settings: dict[str, AnyJson]
    plan: dict[str, AnyJson] | None
    event: dict[str, AnyJson]


class ResponseRunList(Shape, frozen=True, kw_only=True):
    """Runs, newest first."""

    value: tuple[ResponseRun, ...]


def _build_shape(one: AutomationRun) -> ResponseRun:
    return ResponseRun(
        id=one.id, status=one.status.value, rule=one.rule, action=one.action, step=one.step.value, on=f"{one.kind} {one.subject}",
        attempts=one.attempts, begun=one.begun, cut_off=one.cut_off, due=one.due if one.status.value == "pending" else None,
        until=one.until, by=one.by, requesters=one.requesters, detail=one.detail, created=one.created, changed=one.changed,
    )  # fmt: skip


def _has_status(*statuses: str, step: str = "") -> Callable[[Row], bool]:
    return lambda row: row["status"] in statuses and (not step or row["step"] == step)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/responseRuns", scoped=None),
    CommandLine("list", columns=("id", "status", "rule", "action", "step", "on", "attempts", "due", "detail"), nothing="no runs"),
    page=SectionList(
        "Response runs", "Response", "run", "What response rules did or plan. Another user than the requester approves a plan.",
        key="id", name="rule", guide="response.md", facets=("status", "action"), most=100,
        nothing="No runs yet: a run begins when an alert or incident matches a response rule.",
        columns=(
            PageColumn("rule", "Rule"), PageColumn("status", "Status"), PageColumn("action", "Action", optional=True),
            PageColumn("on", "Event", optional=True), PageColumn("detail", "Detail", optional=True),
            PageColumn("requesters", "Requester", optional=True), PageColumn("created", "Created", optional=True),
        ),
    ),
)  # fmt: skip
def list_response_runs(call: OperationCall, query: RunQuery) -> ResponseRunList:
    """List the runs of actions, newest first; `dead` ones failed for good, `approve` ones wait for approval."""
    from nephoscope.service.automation_responses import list_runs
    from nephoscope.state.automation.automation_runs import RunStatus

    wanted = [RunStatus(one) for one in query.status]
    found = list_runs(call.service, call.workspace(query.workspace), wanted, query.most)
    return ResponseRunList(value=tuple(map(_build_shape, found)))


@OPERATIONS.operation(
    READ,
    ApiRoute("GET", "/responseRuns/{id}", scoped=None),
    CommandLine("show", lambda found: json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False)),
)
def show_run(call: OperationCall, id: RunId, query: InWorkspace) -> ResponseRunDetails:  # noqa: A002
    """Show the run ID (or its prefix): its changes, real or planned, and how to undo them."""
    found = _read_run(call, id, query)
    plain: dict[str, AnyJson] = msgspec.structs.asdict(_build_shape(found))
    return ResponseRunDetails(**plain, settings=found.settings, plan=found.plan, event=found.document)


@OPERATIONS.operation(READ, page=RowTable("Plan"))
def show_plan(call: OperationCall, id: RunId, query: InWorkspace) -> list[Row]:  # noqa: A002
    """List what the plan of the run would change."""
    return [
        {"Part": name, "Value": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
        for name, value in (_read_run(call, id, query).plan or {}).items()
    ]


def _read_run(call: OperationCall, id_: str, query: InWorkspace) -> AutomationRun:
    from nephoscope.service.automation_responses import read_run

    return read_run(call.service, call.workspace(query.workspace), id_)


def _confirm_plan(call: OperationCall, given: Mapping[str, Answer]) -> tuple[str, str]:
    found = _read_run(call, given["id"], given["query"])
    return (json.dumps(found.plan, indent=2, ensure_ascii=False) if found.plan else ""), "Approve this?"


def _run_approved_actions(
    call: OperationCall, answer: Answer, given: Mapping[str, Answer]
) -> tuple[list[str], bool]:
    """Do what is due; what became of the runs that were decided, and whether one failed for good."""
    from nephoscope.automation.rule_catalog import load_rules

    decided = answer if isinstance(answer, tuple) else (answer,)
    engine = _build_engine(call, given["query"])
    with translate_errors("", ValueError):
        engine.rules = load_rules(call.service.data, call.state).rules
    ended = {one.id: one for one in engine.tick()}
    return [_describe_run(one.id, ended.get(one.id)) for one in decided], any(
        ended[one.id].status.value == "dead" for one in decided if one.id in ended
    )


def _describe_run(id_: str, ended: AutomationRun | None) -> str:
    if ended is None:
        return f"{id_}: pending: another process is running responses; see nephoscope response show {id_}"
    return f"{id_}: {ended.status.value}: {ended.detail}"


def _format_followed_runs(found: tuple[Iterable[str], bool]) -> str:
    return "\n".join(found[0])


def _choose_exit_code(found: tuple[Iterable[str], bool]) -> int:
    return _FAILED * found[1]


def _build_engine(call: OperationCall, query: InWorkspace) -> AutomationEngine:
    from nephoscope.automation.engine import AutomationEngine

    return AutomationEngine(call.lake, call.state, call.workspace(query.workspace), ())


def _decide_run(
    call: OperationCall,
    decide: Callable[[ServiceContext, AutomationEngine, str], AutomationRun],
    id_: str,
    query: InWorkspace,
) -> ResponseRun:
    from nephoscope.service.approvals import OwnRequestError

    with translate_errors("id", OwnRequestError):
        return _build_shape(decide(call.service, _build_engine(call, query), id_))


@OPERATIONS.operation(
    APPROVE, ApiRoute("POST", "/responseRuns/{id}/approve", scoped=None),
    CommandLine("approve", _format_followed_runs, confirm=_confirm_plan, follow=_run_approved_actions, failed=_choose_exit_code),
    needs_lake=True,
    page=OperationForm("Approve", when=_has_status("approve")),
)  # fmt: skip
def approve_run(call: OperationCall, id: RunId, query: InWorkspace) -> ResponseRun:  # noqa: A002
    """Approve the plan of a run that another user asked for. It is passed to its command, or the steps are shown."""
    from nephoscope.service.automation_responses import approve_run

    return _decide_run(call, approve_run, id, query)


@OPERATIONS.operation(
    DENY, ApiRoute("POST", "/responseRuns/{id}/deny", scoped=None), CommandLine("deny", "{id}: denied"), needs_lake=True,
    page=OperationForm("Deny", when=_has_status("approve")),
)  # fmt: skip
def deny_run(call: OperationCall, id: RunId, query: InWorkspace) -> ResponseRun:  # noqa: A002
    """Deny the plan of a run."""
    from nephoscope.service.automation_responses import deny_run

    return _decide_run(call, deny_run, id, query)


@OPERATIONS.operation(
    UNDO, ApiRoute("POST", "/responseRuns/{id}/undo", scoped=None),
    CommandLine("undo", _format_followed_runs, follow=_run_approved_actions, failed=_choose_exit_code), needs_lake=True,
    page=OperationForm("Undo", when=_has_status("done", "dead", step="apply"), danger=True),
)  # fmt: skip
def undo_run(call: OperationCall, id: RunId, query: InWorkspace) -> ResponseRun:  # noqa: A002
    """Undo the change of a run before it expires. The command exits 3 if undoing fails permanently: the change remains in effect."""
    from nephoscope.service.automation_responses import undo_run

    return _decide_run(call, undo_run, id, query)


@OPERATIONS.operation(
    RETRY, ApiRoute("POST", "/responseRuns/{id}/retry", scoped=None), needs_lake=True,
    page=OperationForm("Retry", when=_has_status("dead")),
)  # fmt: skip
def retry_run(call: OperationCall, id: RunId, query: InWorkspace) -> ResponseRun:  # noqa: A002
    """Retry a failed run under the same ID, from the failed step."""
    from nephoscope.service.automation_responses import retry_run

    return _decide_run(call, retry_run, id, query)


@OPERATIONS.operation(
    RETRY,
    command=CommandLine(
        "retry", _format_followed_runs, follow=_run_approved_actions, failed=_choose_exit_code
    ),
    needs_lake=True,
)
def retry_failed_runs(call: OperationCall, query: RunsToRetry) -> tuple[ResponseRun, ...]:
    """Retry failed runs under the same IDs, each from the failed step. Exits 3 if one fails again."""
    return tuple(retry_run(call, one, query) for one in query.ids)
