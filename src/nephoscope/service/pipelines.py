"""Results of pipelines: take in a run, set the default branch of a repository, delete a repository."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.pipelines.repository_name import get_repository_key, get_repository_scope
from nephoscope.posture.pipelines.resource_origins import list_planned_origins
from nephoscope.posture.pipelines.run_document import RunDocument
from nephoscope.posture.pipelines.run_processing import RunDecision, decide
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.estate.pipeline_records import PipelineRepository, PipelineRun, PipelineSeries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.posture.pipelines.results.tool_results import ToolResults
    from nephoscope.service.service_context import ServiceContext

READ, WRITE, DELETE = (f"Microsoft.Security/pipelineRuns/{one}" for one in ("read", "write", "delete"))
#: The default branch of a repository for which nobody named one.
FIRST_BRANCH = "main"
#: How far a runner's clock may be ahead.
_AHEAD = timedelta(hours=1)
_HEADS = "refs/heads/"


class RunConflictError(StateError):
    """A run that was sent before, with other results."""


@dataclass(frozen=True, slots=True)
class NewPipelineRun:
    """A run to take in.

    `run_id` is the pipeline's own: sent again with the same results it changes nothing. `partial`: the tool looked at some files only,
    and says nothing of the others. `category` divides the runs of a tool over one repository.
    """

    repository: str
    branch: str
    commit_id: str
    run_id: str
    results: ToolResults
    started: datetime | None = None
    url: str = ""
    pull_request: str = ""
    default_branch: str = ""
    category: str = ""
    repository_url: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run as it is kept; `repeated` where it was there before."""

    run: PipelineRun
    repeated: bool = False


def record_run(context: ServiceContext, new: NewPipelineRun) -> RecordedRun:
    """Keep a run, and open, close and reopen the work items of its series where it is the newest of the default branch.

    Raises DeniedError; RepositoryNameError; StateError for a time ahead; RunConflictError where the run was sent with other results.
    """
    repository = get_repository_key(new.repository)
    started = new.started or context.now
    if started > context.now + _AHEAD:
        raise StateError(f"started is in the future: {started.isoformat()}")
    series = PipelineSeries(repository, new.results.tool, new.category or new.results.category)
    id_ = _run_key(series, new.run_id)
    targets = f"{get_repository_scope(repository)}/runs/{id_}"
    pipelines = context.state.pipelines
    context.require(WRITE, get_repository_scope(repository))
    with context.state.database.write() as session:
        context.state.database.queue(session, get_repository_scope(repository))
        before, digest = pipelines.has_run(session, id_), _compute_digest(new)
        if before is not None:
            if before.digest != digest:
                raise RunConflictError(
                    f"run {new.run_id} of {new.repository} already has other results: use a unique run ID for "
                    "each attempt"
                )
            return RecordedRun(before, repeated=True)
        branch = _keep_repository(context, session, new)
        newest = pipelines.find_newest_deciding_run(session, series)
        note = _explain_undecided_run(new, branch, started, newest)
        decision = decide(
            series,
            id_,
            started,
            new.results,
            pipelines.list_series_items(session, series),
            partial=new.partial,
        )
        run = _record_pipeline_run(context, new, series, started, note, decision, digest)
        pipelines.put_run(session, run, decision.document)
        if run.decides:
            pipelines.put_items(session, decision.items)
            if not new.partial:
                planned = list_planned_origins(series, id_, new.results.resources)
                pipelines.replace_planned_items(session, series, planned)
        context.enter(
            session, WRITE, targets, tool=run.tool, branch=run.branch, commit=run.commit_id, decides=run.decides,
            default_branch=branch, counts=run.counts,
        )  # fmt: skip
    return RecordedRun(run)


def set_default_branch(context: ServiceContext, repository: str, branch: str) -> PipelineRepository:
    """Let the runs of a branch decide from now on, whatever runs say; work items stay as they are until its next run."""
    context.require(WRITE, get_repository_scope(repository))
    name = get_repository_key(repository)
    with context.transact(
        WRITE, get_repository_scope(name), get_repository_scope(name), default_branch=branch
    ):
        found = context.state.pipelines.repository(name)
        if found is None:
            raise NotFoundError(f"repository {repository!r} not found")
        changed = replace(
            found, default_branch=_shorten_branch_name(branch), branch_chosen=True, changed=context.now
        )
        with context.state.database.write() as session:
            context.state.pipelines.put_repository(session, changed)
    return changed


def remove_repository(context: ServiceContext, repository: str) -> None:
    """Delete a repository with its runs and work items."""
    context.require(DELETE, get_repository_scope(repository))
    name = get_repository_key(repository)
    with (
        context.transact(DELETE, get_repository_scope(name), get_repository_scope(name)),
        context.state.database.write() as session,
    ):
        context.state.pipelines.remove_repository(session, name)


def run_document(context: ServiceContext, run: PipelineRun) -> RunDocument:
    """Return the findings of a run; DeniedError where the actor may not read the repository."""
    context.require(READ, get_repository_scope(run.repository))
    return msgspec.convert(context.state.pipelines.findings(run.id), RunDocument)


def list_readable_repositories(context: ServiceContext) -> list[PipelineRepository]:
    """Return the repositories that the actor may read."""
    found = context.state.pipelines.list_repositories()
    return [one for one in found if context.actor.is_permitted(READ, get_repository_scope(one.name))]


def _keep_repository(context: ServiceContext, session: Session, new: NewPipelineRun) -> str:
    """Keep the repository of a run, with what the run says of it; returns its default branch."""
    name = get_repository_key(new.repository)
    before = context.state.pipelines.repository(name)
    now = context.now
    known = before or PipelineRepository(name, new.repository, FIRST_BRANCH, "", now, now)
    changed = replace(
        known,
        default_branch=known.default_branch
        if known.branch_chosen
        else _shorten_branch_name(new.default_branch) or known.default_branch,
        url=new.repository_url or known.url,
    )
    if changed != before:
        context.state.pipelines.put_repository(session, replace(changed, changed=now))
    return changed.default_branch


def _explain_undecided_run(
    new: NewPipelineRun, branch: str, started: datetime, newest: PipelineRun | None
) -> str:
    """Return why a run changes no work item; '' where it does."""
    if new.pull_request:
        return f"runs of pull request {new.pull_request} do not change work items"
    if _shorten_branch_name(new.branch) != branch:
        return f"the branch is not the default branch, {branch}"
    if newest is not None and newest.started > started:
        return (
            f"a newer run has already updated the work items: {newest.run_id} of "
            f"{newest.started:%Y-%m-%d %H:%M} UTC"
        )
    return ""


def _record_pipeline_run(
    context: ServiceContext, new: NewPipelineRun, series: PipelineSeries, started: datetime, note: str,
    decision: RunDecision, digest: str
) -> PipelineRun:  # fmt: skip
    return PipelineRun(
        id=_run_key(series, new.run_id), repository=series.repository, tool=series.tool, category=series.category,
        tool_version=new.results.tool_version, run_id=new.run_id, branch=_shorten_branch_name(new.branch), commit_id=new.commit_id,
        pull_request=new.pull_request, url=new.url, started=started, received=context.now, author=context.author,
        decides=not note, note=note, digest=digest, counts=decision.counts, severities=decision.severities,
    )  # fmt: skip


def _run_key(series: PipelineSeries, run_id: str) -> str:
    text = "\0".join((series.repository, series.tool, series.category, run_id))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _compute_digest(new: NewPipelineRun) -> str:
    """Return a hash of all that a run says, but for the time that the server gave it."""
    content = (
        new.branch,
        new.commit_id,
        new.pull_request,
        new.partial,
        new.results,
    )
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def _shorten_branch_name(branch: str) -> str:
    return branch.removeprefix(_HEADS)
