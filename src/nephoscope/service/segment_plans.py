"""Plan of network segments: the one in force, what the stored estates let through against it, and the rules that close it.

The plan is `segments.yaml` of the data folder. It is about whole tenants, so that its permissions are wanted everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.automation.rule_change_plan import GroupChange
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.rule_changes import NoPriorityError
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.model.atomic_file import replace_content
from nephoscope.protect.segments.segment_block import SegmentBlock, SegmentBlockError, build_block
from nephoscope.protect.segments.segment_plan import SegmentPlan, SegmentPlanError, parse_segment_plan
from nephoscope.protect.segments.segment_violations import SegmentAnalysis, analyze_segments
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.audited_values import describe_difference
from nephoscope.service.network_rules import WRITE as WRITE_RULES
from nephoscope.service.network_rules import request_rule_change
from nephoscope.service.network_watcher import TYPES
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.service.service_context import ServiceContext

READ, WRITE = (f"Nephoscope/segments/{one}" for one in ("read", "write"))
FILE = Path("segments.yaml")
#: What runs are called that a block was requested by.
TITLE = "Segment block"
MOST_TEXT = 1 << 20


class StoredPlan(msgspec.Struct, frozen=True):
    """The plan in force as its text; `plan` is None where that is no plan, and `fault` says why."""

    text: str
    plan: SegmentPlan | None
    fault: str = ""


class TenantSegments(msgspec.Struct, frozen=True):
    """The violations of a tenant's estate, and the block that closes them, None where `obstacle` says why there is none."""

    tenant: str
    analysis: SegmentAnalysis
    block: SegmentBlock | None
    obstacle: str = ""

    @property
    def changes(self) -> tuple[GroupChange, ...]:
        """The changes of security groups that the block makes."""
        rules = self.block.rules if self.block is not None else {}
        return tuple(GroupChange(group, tuple(several)) for group, several in rules.items())


def read_plan(context: ServiceContext) -> StoredPlan | None:
    """Return the plan in force, None where there is none. Raises DeniedError."""
    context.require(READ, ROOT_SCOPE)
    return _load_plan(context.data)


def _load_plan(data: Path) -> StoredPlan | None:
    try:
        content = (data / FILE).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return StoredPlan("", None, f"{FILE} cannot be read: {error.strerror}")
    text = content.decode("utf-8", "replace")
    try:
        return StoredPlan(text, parse_segment_plan(content))
    except SegmentPlanError as error:
        return StoredPlan(text, None, str(error))


def put_plan(context: ServiceContext, text: str) -> SegmentPlan:
    """Put a plan in force. Raises DeniedError; StateError for a text that is no plan."""
    if len(text) > MOST_TEXT:
        raise StateError(f"a plan has at most {MOST_TEXT:,} characters")
    try:
        plan = parse_segment_plan(text.encode())
    except SegmentPlanError as error:
        raise StateError(f"the plan is not valid: {error}") from error
    before = _load_plan(context.data)
    difference = describe_difference({"plan": before.text} if before else None, {"plan": text})
    with context.change_files(WRITE, ROOT_SCOPE, "segment plan", **difference):
        replace_content(context.data / FILE, text.encode())
    return plan


def remove_plan(context: ServiceContext) -> None:
    """Take the plan out of force. Raises DeniedError; NotFoundError where there is none."""
    context.require(WRITE, ROOT_SCOPE)
    before = _load_plan(context.data)
    if before is None:
        raise NotFoundError("no segment plan is in force")
    difference = describe_difference({"plan": before.text}, None)
    with context.change_files(WRITE, ROOT_SCOPE, "segment plan", **difference):
        (context.data / FILE).unlink(missing_ok=True)


def require_plan(context: ServiceContext) -> SegmentPlan:
    """Return the plan in force. Raises DeniedError, NotFoundError; StateError where the file is no plan."""
    found = read_plan(context)
    if found is None:
        raise NotFoundError("no segment plan is in force")
    if found.plan is None:
        raise StateError(f"the plan is not valid: {found.fault}")
    return found.plan


def evaluate_plan(context: ServiceContext) -> tuple[TenantSegments, ...]:
    """Compare the stored estate of each tenant with the plan in force. Raises as `require_plan`."""
    plan = require_plan(context)
    text = msgspec.json.encode(plan)
    found = []
    for store in open_tenant_stores(context.data):
        if store.version and store.list_snapshots():
            folder = str(store.path.relative_to(context.data / "estate"))
            found.append(_evaluate_segment_plan(context.data, folder, store.version, text))
    return tuple(found)


@lru_cache(maxsize=4)
def _evaluate_segment_plan(data: Path, folder: str, version: int, text: bytes) -> TenantSegments:  # noqa: ARG001 - the version is of the key
    """Evaluate a plan against a tenant's estate at a version of its store."""
    store = EstateStore(data, folder)
    plan = msgspec.json.decode(text, type=SegmentPlan)
    snapshots = store.list_snapshots()
    view = EstateView(store.select_types(TYPES), snapshots[-1].at)
    found = analyze_segments(plan, view)
    if not found.violations:
        return TenantSegments(store.tenant, found, SegmentBlock({}, ()))
    try:
        return TenantSegments(store.tenant, found, build_block(plan, view, found))
    except (SegmentBlockError, NoPriorityError) as error:
        return TenantSegments(store.tenant, found, None, str(error))
    except DataNotCollectedError as gap:
        return TenantSegments(store.tenant, found, None, f"{gap.what} was not collected")


def request_block(context: ServiceContext) -> list[AutomationRun]:
    """Request the rules that close the violations, a run for each tenant; each is checked by the model and waits for an approval.

    Raises as `require_plan`; StateError where there is no block, or where the same rules are requested already.
    """
    several = evaluate_plan(context)
    wanted = [one for one in several if one.changes]
    if not wanted:
        reasons = "; ".join(one.obstacle for one in several if one.obstacle)
        raise StateError(f"a block cannot be built: {reasons or 'no rule is needed or possible'}")
    for change in (change for one in wanted for change in one.changes):
        context.require(WRITE_RULES, change.group)
    if is_block_requested(context, wanted):
        raise StateError("these rules are already requested: open the pending request")
    found = []
    for one in wanted:
        scope = one.changes[0].group.split("/providers/", maxsplit=1)[0]
        found.append(request_rule_change(context, WRITE_RULES, scope, TITLE, one.changes))
    return found


def is_block_requested(context: ServiceContext, several: Sequence[TenantSegments]) -> bool:
    """Return whether a run that is not decided yet has the same rules. Raises DeniedError."""
    waiting = [change for run in list_blocks(context) if _is_open(run) for change in _read_changes(run)]
    return any(one.changes and all(change in waiting for change in one.changes) for one in several)


def list_blocks(context: ServiceContext, most: int = 1000) -> list[AutomationRun]:
    """Return the newest runs that a block was requested by. Raises DeniedError."""
    context.require(READ, ROOT_SCOPE)
    runs = context.state.automation_runs.list_newest(DEFAULT, most=most)
    return [one for one in runs if one.rule == TITLE and one.kind == "network.change"]


def _is_open(run: AutomationRun) -> bool:
    return run.status in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.APPROVE)


def _read_changes(run: AutomationRun) -> list[GroupChange]:
    return msgspec.convert(run.settings["changes"], list[GroupChange])
