"""Analytics rules of people's own: keep and delete them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nephoscope.access.authenticator import Caller
from nephoscope.alerts.library.content_item import ContentItem, ContentKind
from nephoscope.alerts.library.content_packs import StoredPiece
from nephoscope.alerts.library.content_status import RuleAvailability, assess
from nephoscope.alerts.library.own_rules import API, OwnRules
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.resource_graph import require_estate_access
from nephoscope.service.audited_values import describe_difference
from nephoscope.service.rules import DELETE, WRITE
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import StateError
from nephoscope.state.rules.rule_switches import PACK
from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext


class UnusableRuleError(StateError):
    """A rule that cannot be used, and why; `lacks` are the JSON paths of columns that its query does not give."""

    def __init__(self, reasons: Sequence[str], lacks: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.lacks = lacks


def put_own_rule(
    context: ServiceContext, lake: Lake, workspace: str, id_: str, name: str, document: dict[str, object]
) -> None:
    """Keep a rule of the actor's own in the place of the one of its id, and enable the pack of such rules.

    Raises DeniedError, also for a query that reads more of the estate than the actor may; UnusableRuleError.
    """

    def keep(session: Session, known: Sequence[StoredPiece]) -> None:
        difference = describe_difference(_find_document(known, id_), document)
        context.enter(session, WRITE, f"rule {id_}", act="put", workspace=workspace, **difference)
        context.state.rule_switches.switch(
            session, workspace, PACK, [API], context.now, context.author, enabled=True
        )

    context.require(WRITE, get_workspace_scope(workspace))
    if isinstance(context.actor, Caller):  # the local user owns the folder
        query = str(document.get("query") or "")
        require_estate_access(context.actor, lake, PublishedSnapshotCache(context.data), workspace, query)
    piece = ContentItem(ContentKind.RULE, id_, name, "", "api", document, Place("put"))
    judged = assess(piece, lake, workspace, context.now)
    if judged.standing in (RuleAvailability.REFUSED, RuleAvailability.UNSUPPORTED) or judged.lacks:
        raise UnusableRuleError(judged.reasons, judged.lacks)
    rule = StoredPiece.from_piece(piece, judged)
    _change_own_rules(
        context, workspace, lambda known: [*(one for one in known if one.id != rule.id), rule], keep
    )


def delete_own_rule(context: ServiceContext, workspace: str, id_: str) -> None:
    """Delete a rule of people's own."""

    def keep(session: Session, known: Sequence[StoredPiece]) -> None:
        difference = describe_difference(_find_document(known, id_), None)
        context.enter(session, DELETE, f"rule {id_}", act="delete", workspace=workspace, **difference)

    context.require(DELETE, get_workspace_scope(workspace))
    _change_own_rules(context, workspace, lambda known: [one for one in known if one.id != id_], keep)


def _find_document(known: Sequence[StoredPiece], id_: str) -> dict[str, object] | None:
    return next((one.document for one in known if one.id == id_), None)


def _change_own_rules(
    context: ServiceContext,
    workspace: str,
    edit: Callable[[list[StoredPiece]], Sequence[StoredPiece]],
    keep: Callable[[Session, list[StoredPiece]], None],
) -> None:
    OwnRules(context.state, context.data).change(edit, workspace, context.now, keep)
