"""Judge old builds again: what the newest build of each repository is made of, by the advisories of today."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.pipelines.build_reevaluation import TOOL, assess_components, build_index
from nephoscope.posture.pipelines.repository_name import get_repository_scope
from nephoscope.posture.pipelines.run_document import RunDocument
from nephoscope.service.pipelines import WRITE, NewPipelineRun, RecordedRun, record_run

if TYPE_CHECKING:
    from nephoscope.posture.pipelines.results.tool_results import BillComponent, ToolResults
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.estate.pipeline_records import PipelineRepository, PipelineRun
    from nephoscope.vulnerability.feeds.feed_records import FeedRecord

#: Runs of a repository that are looked through for the newest of each series.
MOST_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class Build:
    """The newest run of a default branch that told what its build is made of."""

    repository: PipelineRepository
    run: PipelineRun
    components: tuple[BillComponent, ...]


def list_builds(context: ServiceContext) -> Iterator[Build]:
    """Give the builds whose repositories the actor may write."""
    for repository in context.state.pipelines.list_repositories():
        if context.actor.is_permitted(WRITE, get_repository_scope(repository.name)):
            newest: dict[tuple[str, str], PipelineRun] = {}
            for run in context.state.pipelines.runs([repository.name], MOST_RUNS):
                if run.decides and run.tool != TOOL:
                    newest.setdefault((run.tool, run.category), run)
            for run in newest.values():
                document = msgspec.convert(context.state.pipelines.findings(run.id), RunDocument)
                if document.components:
                    yield Build(repository, run, document.components)


def reevaluate_builds(
    context: ServiceContext, read: Callable[[], Iterable[FeedRecord]], *, whole: Callable[[], bool]
) -> list[tuple[Build, RecordedRun | None]]:
    """Judge each build by advisories, and keep a run of the tool `advisories` where that says something else than its last.

    `read` gives the records, `whole` tells afterwards whether all were read: else nothing closes. Raises what `record_run` raises.
    """
    found = list(list_builds(context))
    if not found:
        return []
    source = build_index([one for build in found for one in build.components], read())
    today = f"{context.now:%Y-%m-%d}"
    return [
        (
            build,
            _record_run(context, build, assess_components(build.components, source, today, whole=whole())),
        )
        for build in found
    ]


def _record_run(context: ServiceContext, build: Build, results: ToolResults) -> RecordedRun | None:
    """Keep what a build comes to now; None where its newest run says the same."""
    run = build.run
    category = f"{run.tool}/{run.category}" if run.category else run.tool
    digest = hashlib.sha256(msgspec.json.encode(results, order="deterministic")).hexdigest()[:16]
    name = f"{run.id[:16]}-{digest}"
    earlier = [
        one.run_id
        for one in context.state.pipelines.runs([build.repository.name], MOST_RUNS)
        if (one.tool, one.category) == (TOOL, category)
    ]
    if earlier and earlier[0].startswith(name):
        return None
    known = any(one.startswith(name) for one in earlier)
    return record_run(
        context,
        NewPipelineRun(
            repository=build.repository.shown,
            branch=run.branch,
            commit_id=run.commit_id,
            run_id=f"{name}-{context.now:%Y%m%dT%H%M%S}" if known else name,
            results=results,
            started=context.now,
            url=run.url,
            category=category,
        ),
    )
