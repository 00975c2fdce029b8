"""Results of pipelines: runs that are sent, repositories, work items, and what of the code stands in the cloud."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from nephoscope.access.authenticator import DeniedError
from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import missing_fault, translate_errors
from nephoscope.operations.declaration.schemas import PLAIN, Shape, Text, to_shape
from nephoscope.posture.pipelines.repository_name import RepositoryNameError, repository_scope
from nephoscope.posture.pipelines.results.result_reader import read_results
from nephoscope.posture.pipelines.results.tool_results import ResultsError
from nephoscope.service import pipelines as service
from nephoscope.service.code_to_cloud import ViolatedPass, find_origins, violated_passes
from nephoscope.service.pipelines import DELETE, READ, WRITE, NewPipelineRun
from nephoscope.state import NotFoundError
from nephoscope.state.estate.pipelines import (
    PipelineRepository,
    PipelineRun,
    WorkItemFilter,
    WorkItemStatus,
)

SECTION = RouteSection("pipelines", "Pipelines")
#: Bytes of a run with its document.
MOST_BYTES = 24 << 20
ASSESSMENTS = "Microsoft.Security/assessments/read"
RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
Repository = Annotated[
    str, msgspec.Meta(max_length=1000, pattern=PLAIN, description="Such as github.com/contoso/shop.")
]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PLAIN)]
Top = Annotated[int, msgspec.Meta(ge=1, le=1000, description="Maximum number of items.")]


class PipelineRunUpload(Shape, frozen=True, kw_only=True):
    """A run: `document` is what the tool wrote, the text of it where it is XML; `runId` differs for each attempt.

    `pullRequest` is its number; `partial` says that the tool looked at some files only; `started` is now where it is absent.
    """

    repository: Repository
    branch: Key
    commit: Key
    run_id: Key
    document: dict[str, Any] | str
    url: Text = ""
    pull_request: Text = ""
    default_branch: Text = ""
    category: Text = ""
    repository_url: Text = ""
    started: datetime | None = None
    partial: bool = False


class PipelineRunShape(Shape, frozen=True, kw_only=True):
    """A run: `decides` where it changed work items, else `note` says why not; `counts` and `severities` are of its findings."""

    id: str
    repository: str
    tool: str
    category: str
    run_id: str
    branch: str
    commit: str
    pull_request: str
    url: str
    started: datetime
    author: str
    decides: bool
    note: str
    counts: dict[str, int]
    severities: dict[str, int]


class PipelineRunReceipt(Shape, frozen=True, kw_only=True):
    """The run as it is kept; `repeated` where it was sent before, and nothing changed."""

    run: PipelineRunShape
    repeated: bool


class PipelineFindingShape(Shape, frozen=True, kw_only=True):
    """A finding of a run: `standing` is New, Reopened, Unchanged, Fixed, Suppressed or Unknown."""

    standing: str
    rule: str
    title: str
    severity: str
    file: str
    line: int
    message: str
    subject: str
    fingerprint: str


class PipelineRunDetail(Shape, frozen=True, kw_only=True):
    """A run with its findings, and the files that it could not judge."""

    run: PipelineRunShape
    findings: tuple[PipelineFindingShape, ...]
    unread: tuple[str, ...]


class PipelineRunList(Shape, frozen=True, kw_only=True):
    """The newest runs."""

    value: tuple[PipelineRunShape, ...]


class PipelineRepositoryShape(Shape, frozen=True, kw_only=True):
    """A repository; `open` counts its open work items by severity."""

    name: str
    default_branch: str
    url: str
    open: dict[str, int]


class PipelineRepositoryList(Shape, frozen=True, kw_only=True):
    """The repositories that the caller may read."""

    value: tuple[PipelineRepositoryShape, ...]


class DefaultBranch(Shape, frozen=True, kw_only=True):
    """The branch whose runs decide."""

    repository: Repository
    default_branch: Key


class WorkItemShape(Shape, frozen=True, kw_only=True):
    """A finding of the default branch over its life; `reopened` counts how often it came back."""

    id: str
    repository: str
    tool: str
    status: str
    rule: str
    title: str
    severity: str
    file: str
    line: int
    message: str
    subject: str
    opened: datetime
    closed: datetime | None
    reopened: int


class WorkItemList(Shape, frozen=True, kw_only=True):
    """The newest of them; `total` is how many there are."""

    value: tuple[WorkItemShape, ...]
    total: int


class OriginShape(Shape, frozen=True, kw_only=True):
    """A place of a template; `certain` where the whole id of the resource was planned, else the template may have made it."""

    repository: str
    file: str
    line: int
    run: str
    certain: bool


class OriginList(Shape, frozen=True, kw_only=True):
    """The templates that made a resource."""

    value: tuple[OriginShape, ...]


class ViolationShape(Shape, frozen=True, kw_only=True):
    """A recommendation that a resource fails in the cloud though the template that made it passes."""

    resource: str
    recommendation: str
    title: str
    severity: str
    why: str
    origin: OriginShape


class ViolationList(Shape, frozen=True, kw_only=True):
    """What the gate passed and the cloud violates."""

    value: tuple[ViolationShape, ...]


class RepositoryQuery(Shape, frozen=True, kw_only=True):
    """Which repository, '' for all."""

    repository: Repository = ""
    top: Top = 100


class WorkItemQuery(Shape, frozen=True, kw_only=True):
    """Which work items."""

    repository: Repository = ""
    status: Literal["", "Open", "Fixed", "Suppressed"] = ""
    top: Top = 100


class ResourceQuery(Shape, frozen=True, kw_only=True):
    """Which resource, by its id."""

    resource: Annotated[str, msgspec.Meta(max_length=2000, pattern=PLAIN)] = ""


@SECTION.route("PUT", "/pipelines/runs", WRITE, scoped=None, most=MOST_BYTES)
def put_run(ask: AdminRequest, body: PipelineRunUpload) -> PipelineRunReceipt:
    """Take in what a tool wrote (the gate's JSON, SARIF 2.1.0, CycloneDX, ZAP, JUnit); the default branch's newest run decides."""
    ask.caller.must(WRITE, repository_scope(body.repository))
    with (
        translate_errors("document", ResultsError, named=True),
        translate_errors("repository", RepositoryNameError, named=True),
    ):
        told = service.record_run(ask.service, _to_new_run(body, read_results(body.document)))
    return PipelineRunReceipt(run=_run(told.run), repeated=told.repeated)


@SECTION.route("GET", "/pipelines/repositories", READ, scoped=None)
def repositories(ask: AdminRequest) -> PipelineRepositoryList:
    """The repositories that the caller may read."""
    counts = ask.instance.state.pipelines.open_counts()
    return PipelineRepositoryList(
        value=tuple(_repository(one, counts.get(one.name, {})) for one in _list_readable(ask))
    )


@SECTION.route("PATCH", "/pipelines/repositories", WRITE, scoped=None)
def change(ask: AdminRequest, body: DefaultBranch) -> PipelineRepositoryShape:
    """Let the runs of another branch decide from now on."""
    with translate_errors("repository", RepositoryNameError, named=True):
        changed = service.set_default_branch(ask.service, body.repository, body.default_branch)
    return _repository(changed, ask.instance.state.pipelines.open_counts().get(changed.name, {}))


@SECTION.route("DELETE", "/pipelines/repositories", DELETE, scoped=None, status=204)
def remove(ask: AdminRequest, query: RepositoryQuery) -> None:
    """Delete a repository with its runs and work items."""
    with translate_errors("repository", RepositoryNameError, named=True):
        service.remove_repository(ask.service, query.repository)


@SECTION.route("GET", "/pipelines/runs", READ, scoped=None)
def runs(ask: AdminRequest, query: RepositoryQuery) -> PipelineRunList:
    """The newest runs, of one repository or of all that the caller may read."""
    found = ask.instance.state.pipelines.runs(_names(ask, query.repository), query.top)
    return PipelineRunList(value=tuple(map(_run, found)))


@SECTION.route("GET", "/pipelines/runs/{id}", READ, scoped=None)
def run(ask: AdminRequest, id: Key) -> PipelineRunDetail:  # noqa: A002
    """A run with its findings."""
    _list_readable(ask)
    try:
        found = ask.instance.state.pipelines.run(id)
        told = service.run_document(ask.service, found)
    except (NotFoundError, DeniedError) as error:
        raise missing_fault(f"The run {id[:100]}") from error
    findings = tuple(
        PipelineFindingShape(
            standing=one.standing.value, rule=one.finding.rule, title=one.title, severity=one.finding.severity.value,
            file=one.finding.region.file, line=one.finding.region.line, message=one.finding.message,
            subject=one.finding.subject, fingerprint=one.fingerprint,
        )
        for one in told.findings
    )  # fmt: skip
    return PipelineRunDetail(run=_run(found), findings=findings, unread=told.unread)


@SECTION.route("GET", "/pipelines/work-items", READ, scoped=None)
def work_items(ask: AdminRequest, query: WorkItemQuery) -> WorkItemList:
    """The work items of one repository or of all that the caller may read, the newest first."""
    statuses = [WorkItemStatus(query.status)] if query.status else []
    names, held = _names(ask, query.repository), ask.instance.state.pipelines
    found = held.items(names, statuses, most=query.top)
    total = sum(held.item_counts(WorkItemFilter(names, statuses), "status").values())
    return WorkItemList(value=tuple(to_shape(WorkItemShape, one) for one in found), total=total)


@SECTION.route("GET", "/pipelines/origins", READ, scoped=None)
def origins(ask: AdminRequest, query: ResourceQuery) -> OriginList:
    """The templates and lines that made a resource, as the newest runs of default branches planned it."""
    _list_readable(ask)
    found = find_origins(ask.service, query.resource)
    return OriginList(value=tuple(to_shape(OriginShape, one.planned, certain=one.certain) for one in found))


@SECTION.route("GET", "/pipelines/violations", READ, scoped=None)
def violations(ask: AdminRequest, query: RepositoryQuery) -> ViolationList:
    """Return what the gate passed and the cloud still violates, of what the caller may read; none before the first assessment."""
    names = _names(ask, query.repository)
    snapshot = ask.instance.snapshots.newest()
    reach = ask.caller.reach(ASSESSMENTS)
    found = [] if snapshot is None else violated_passes(ask.service, snapshot.findings, reach, names)
    return ViolationList(value=tuple(map(_violation, found[: query.top])))


def _to_new_run(body: PipelineRunUpload, results: Any) -> NewPipelineRun:
    return NewPipelineRun(
        repository=body.repository, branch=body.branch, commit_id=body.commit, run_id=body.run_id, results=results,
        started=body.started, url=body.url, pull_request=body.pull_request, default_branch=body.default_branch,
        category=body.category, repository_url=body.repository_url, partial=body.partial,
    )  # fmt: skip


def _list_readable(ask: AdminRequest) -> list[PipelineRepository]:
    """The repositories of the caller; DeniedError where roles reach none at all."""
    if not ask.caller.has_in_any_repository(READ):
        ask.caller.must(READ)
    return service.list_readable_repositories(ask.service)


def _names(ask: AdminRequest, repository: str) -> list[str]:
    names = [one.name for one in _list_readable(ask)]
    return names if not repository else [one for one in names if one == repository.lower()]


def _run(one: PipelineRun) -> PipelineRunShape:
    return to_shape(PipelineRunShape, one, commit=one.commit_id)


def _repository(one: PipelineRepository, counts: dict[str, int]) -> PipelineRepositoryShape:
    return to_shape(PipelineRepositoryShape, one, name=one.shown, open=counts)


def _violation(one: ViolatedPass) -> ViolationShape:
    told, planned = one.finding, one.origin.planned
    return ViolationShape(
        resource=told.resource, recommendation=told.recommendation, title=told.title, severity=told.severity.value, why=told.why,
        origin=to_shape(OriginShape, planned, certain=one.origin.certain),
    )  # fmt: skip
