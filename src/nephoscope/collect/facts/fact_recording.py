"""Fact recording: store or revoke external facts with audit entry and reevaluation request in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.collect.facts.fact_report import FactReport, list_claims
from nephoscope.collect.facts.fact_types import load_fact_types
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.estate.coverage import build_claim_key
from nephoscope.state.estate.arm_documents import REMOVED
from nephoscope.state.estate.external_facts import ExternalFacts, Receipt, RetractedFacts
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State
    from nephoscope.state.audit.actor import Actor

#: Checkpoint: when external facts changed that no assessment has seen.
FACTS_CHANGED = ("assess", "facts")
#: Checkpoints: when a document (by its lower-cased id) or a claim was taken back, until an evaluation without it has been kept.
FORGOTTEN = "own-facts-forgotten"
_TOLD = frozenset({Receipt.NEW, Receipt.CHANGED})


def list_recording_permissions(facts: Iterable[ExternalFacts]) -> Iterator[tuple[str, str]]:
    """The operations of roles that keeping claims takes, each with its scope."""
    types = load_fact_types()
    for one in facts:
        yield f"{types[one.type].type}/write", one.subject


def record_fact_reports(
    state: State, by: Actor, reports: Sequence[FactReport], now: datetime
) -> Counter[Receipt]:
    """Keep what reports say, and count what became of the claims; FactError where one cannot be kept: then none is."""
    return store_claims(state, by, [one for report in reports for one in list_claims(report, now)], now)


def store_claims(state: State, by: Actor, facts: Sequence[ExternalFacts], now: datetime) -> Counter[Receipt]:
    """Keep claims that were checked."""
    found: Counter[Receipt] = Counter()
    types = load_fact_types()
    with state.transaction() as session:
        for one in facts:
            receipt = state.external_facts.put(session, one, by.name)
            found[receipt] += 1
            if receipt in _TOLD:
                detail = {"documents": len(one.documents), "readAt": one.read_at.isoformat()}
                operation = f"{types[one.type].type}/write"
                state.audit.add(session, by.name, operation, one.subject, address=by.address, detail=detail)
        if _TOLD & found.keys():
            _restore_removed_facts(state, session, facts)
            _schedule_evaluation(state, session, now)
    return found


def remove_external_facts(state: State, by: Actor, id_: str, now: datetime) -> RetractedFacts:
    """Take back what external facts say of a resource or document and of what lies below it."""
    try:
        resource = ResourceId.parse(id_)
    except ValueError as error:
        raise FactError("id", str(error)) from error
    with state.transaction() as session:
        gone = state.external_facts.remove(session, resource.key)
        if gone.documents or gone.claims:
            claims = [build_claim_key(*one) for one in gone.claims]
            state.checkpoints.keep(session, REMOVED, dict.fromkeys(gone.documents, now.isoformat()))
            state.checkpoints.keep(
                session, FORGOTTEN, dict.fromkeys([*gone.documents, *claims], now.isoformat())
            )
            known = load_fact_types().get(resource.type)
            operation = f"{known.type if known else resource.type}/delete"
            state.audit.add(
                session,
                by.name,
                operation,
                resource.key,
                address=by.address,
                detail={"documents": len(gone.documents), "claims": len(gone.claims)},
            )
            _schedule_evaluation(state, session, now)
    return gone


def settle_retractions(state: State, when: datetime) -> None:
    """An evaluation that began at a time was kept: what was taken back before has no version any more."""
    for key, at in state.checkpoints.all(FORGOTTEN).items():
        if datetime.fromisoformat(at) <= when:
            state.checkpoints.remove(FORGOTTEN, key)


def _restore_removed_facts(state: State, session: Session, facts: Iterable[ExternalFacts]) -> None:
    """What was removed and is told again is no longer removed."""
    removed = state.checkpoints.load_in_transaction(session, REMOVED)
    if removed:
        ids = {str(body["id"]).lower() for one in facts for body in one.documents}
        for key in removed.keys() & ids:
            state.checkpoints.drop(session, REMOVED, key)


def _schedule_evaluation(state: State, session: Session, now: datetime) -> None:
    source, key = FACTS_CHANGED
    state.checkpoints.keep(session, source, {key: now.isoformat()})
