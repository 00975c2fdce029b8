"""Suppressions of alerts: create, change, end and delete them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.alerts.suppression.watchlist_items import open_watchlist_items
from nephoscope.alerts.tuning.alert_history import PastAlert, find_hidden, list_past_alerts
from nephoscope.alerts.tuning.tuning_service import REASONS, TuningEditor
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.database.etag import to_etag
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.rules.suppressions import ANY_RULE

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from nephoscope.alerts.suppression.condition import SuppressionCondition
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State
    from nephoscope.state.rules.suppressions import StoredSuppression

__all__ = [
    "DELETE",
    "READ",
    "REASONS",
    "WRITE",
    "NewSuppression",
    "change_suppression",
    "compute_related_suppressions_etag",
    "create_suppression",
    "delete_suppression",
    "end_suppression",
    "find_suppression",
    "get_audit_target",
    "list_related_suppressions",
    "preview_suppression",
]
READ, WRITE, DELETE = (
    f"Microsoft.Security/alertsSuppressionRules/{one}" for one in ("read", "write", "delete")
)


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """A suppression to create: of a rule's id or ANY_RULE; `expires` None = no end."""

    name: str
    rule: str
    conditions: Sequence[SuppressionCondition]
    reason: str = "Other"
    comment: str = ""
    expires: datetime | None = None
    enabled: bool = True


def create_suppression(
    context: ServiceContext,
    workspace: str,
    new: NewSuppression,
    *,
    replace: bool = False,
    related_etag: str | None = None,
) -> StoredSuppression:
    """Create a suppression, with `replace` in the place of the one of its name; alerts that it fits are held back from now on.

    `related_etag` is that of `list_related_suppressions` as the actor saw them: ConcurrentChangeError where they changed since.
    Raises StateError
    for what holds back everything or is over.
    """

    def check() -> None:
        if related_etag not in (None, compute_related_suppressions_etag(context.state, workspace, new.rule)):
            raise ConcurrentChangeError(
                "a similar suppression was created by someone else: check the current state"
            )

    with (
        _change_only_if(context, workspace, check),
        context.change(
            WRITE, get_workspace_scope(workspace), get_audit_target(new.name), act="create", workspace=workspace, rule=new.rule,
            conditions=[str(one) for one in new.conditions], reason=new.reason, comment=new.comment,
            expires=new.expires, enabled=new.enabled,
        ),
    ):  # fmt: skip
        return _make_tuning_editor(context, workspace).suppress(
            new.name, new.rule, new.conditions, reason=new.reason, comment=new.comment, expires=new.expires,
            enabled=new.enabled, again=replace,
        )  # fmt: skip


def preview_suppression(
    context: ServiceContext, lake: Lake, workspace: str, new: NewSuppression, since: datetime
) -> list[PastAlert]:
    """Return the alerts since a time that a suppression would have held back, the first first. Raises DeniedError."""
    context.require(WRITE, get_workspace_scope(workspace))
    known = list_past_alerts(context.state, workspace, since, context.now)
    return find_hidden(known, new.rule, new.conditions, open_watchlist_items(lake, workspace))


def change_suppression(
    context: ServiceContext, workspace: str, wanted: str, **changes: object
) -> StoredSuppression:
    """Change `enabled`, `expires`, `comment` or `reason` of a suppression, by id or name; NotFoundError where there is none."""
    before = _find_suppression(context, workspace, WRITE, wanted)
    with _audit_change(context, before, WRITE, "change", **changes):
        return _make_tuning_editor(context, workspace).change(before.id, **changes)


def end_suppression(
    context: ServiceContext, workspace: str, wanted: str, etag: str | None = None
) -> StoredSuppression:
    """End a suppression now; it stays in the list.

    ConcurrentChangeError where it has another etag by now, StateError where it has ended and an etag is given.
    """
    before, now = _find_suppression(context, workspace, WRITE, wanted), context.now

    def check() -> None:
        kept = context.state.suppressions.find(workspace, before.id)
        if etag not in (None, kept.etag):
            raise ConcurrentChangeError(
                "the suppression was changed by someone else: check its current state"
            )
        if etag is not None and kept.status(now) == "Expired":
            raise StateError(f"the suppression {kept.name} has ended already")

    with _change_only_if(context, workspace, check), _audit_change(context, before, WRITE, "expire"):
        return _make_tuning_editor(context, workspace).change(before.id, expires=now)


def delete_suppression(context: ServiceContext, workspace: str, wanted: str) -> StoredSuppression:
    """Delete a suppression, by id or name; what it held back stays dismissed. NotFoundError where there is none."""
    before = _find_suppression(context, workspace, DELETE, wanted)
    with _audit_change(context, before, DELETE, "delete"):
        return _make_tuning_editor(context, workspace).remove(before.id)


def find_suppression(context: ServiceContext, workspace: str, wanted: str) -> StoredSuppression | None:
    """Return the suppression of an id or name, None where there is none."""
    context.require(READ, get_workspace_scope(workspace))
    try:
        return context.state.suppressions.find(workspace, wanted)
    except NotFoundError:
        return None


def list_related_suppressions(state: State, workspace: str, rule: str) -> list[StoredSuppression]:
    """Return the suppressions that hold back alerts of a rule, or of every rule."""
    return [one for one in state.suppressions.all(workspace) if one.rule in (rule, ANY_RULE)]


def compute_related_suppressions_etag(state: State, workspace: str, rule: str) -> str:
    """Return what names the state of `list_related_suppressions`: how many there are, and when one of them last changed."""
    several = list_related_suppressions(state, workspace, rule)
    return f"{len(several)}-{to_etag(max(one.changed for one in several))}" if several else "0-"


def get_audit_target(name: str) -> str:
    """Return the name that the audit gives a suppression."""
    return f"suppression {name}"


def _find_suppression(
    context: ServiceContext, workspace: str, operation: str, wanted: str
) -> StoredSuppression:
    context.require(operation, get_workspace_scope(workspace))
    return context.state.suppressions.find(workspace, wanted)


@contextmanager
def _audit_change(
    context: ServiceContext, before: StoredSuppression, operation: str, act: str, **changes: object
) -> Iterator[None]:
    scope = get_workspace_scope(before.workspace)
    with context.change(
        operation,
        scope,
        get_audit_target(before.name),
        act=act,
        workspace=before.workspace,
        before=before,
        **changes,
    ):
        yield


@contextmanager
def _change_only_if(context: ServiceContext, workspace: str, check: Callable[[], None]) -> Iterator[None]:
    """Let the first change within the block be made only where `check` raises nothing; changes of a workspace wait for each other."""

    def check_in_queue(session: Session) -> None:
        context.state.database.queue(session, f"suppressions {workspace}")
        check()

    with context.state.change_only_if(check_in_queue):
        yield


def _make_tuning_editor(context: ServiceContext, workspace: str) -> TuningEditor:
    return TuningEditor(context.state, workspace, context.author, context.now)
