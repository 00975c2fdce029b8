"""Changes of risks: new detections, decisions with their cascade, remediation and ageing; each with its rows for the lake.

Every change is made within a transaction of the caller: the identity, its detections, its history and the rows that tell of them are
kept together or not at all. The changes of a workspace come one after another, and each is later than the one before it: what is last
in the history is what the risk is, whichever clock or transaction was first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec.structs import replace

from nephoscope.identity.risk_decisions import EXPIRED, RiskDecision
from nephoscope.identity.risk_events import record_detection, record_identity
from nephoscope.identity.risk_rows import TABLES, build_detection_row, build_identity_row
from nephoscope.model.identity_risk import (
    IdentityKind,
    RiskDetection,
    RiskHistoryItem,
    RiskLevel,
    RiskState,
    RiskyIdentity,
    combine_levels,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

#: Low risk that does not change is over after this time; medium and high stay until somebody decides.
LOW_EXPIRES = timedelta(days=180)
#: Time between two changes of an identity at least: items of its history are named by their milliseconds.
STEP = timedelta(milliseconds=1)
PRODUCT = "nephoscope"


@dataclass(frozen=True, slots=True)
class RiskLedger:
    """Changes the risks of a workspace at a moment."""

    state: State
    workspace: str
    now: datetime

    def add_detections(self, session: Session, detections: Iterable[RiskDetection]) -> list[RiskDetection]:
        """Keep detections that are not known, and raise the risk of their identities; return those that are new."""
        self.state.identity_risks.lock(session, self.workspace)
        given = {one.id.lower(): one for one in detections}
        known = self.state.identity_risks.find_known_detections(self.workspace, given.keys(), session)
        new = [one for id_, one in given.items() if id_ not in known]
        several: defaultdict[IdentityKind, list[RiskDetection]] = defaultdict(list)
        for one in new:
            several[one.kind].append(one)
        for kind, of_kind in several.items():
            before = self._find_identities(session, kind, {one.identity for one in of_kind})
            for one in of_kind:
                self._put_detection(session, one, "Detect")
                record_detection(self.state, session, self.workspace, one)
            for key in sorted({one.identity.lower() for one in of_kind}):
                mine = [one for one in of_kind if one.identity.lower() == key]
                self._raise_identity_risk(session, before.get(key), mine)
        return new

    def decide(
        self,
        session: Session,
        identities: Sequence[RiskyIdentity],
        detections: Collection[RiskDetection],
        decision: RiskDecision,
        name: str,
        by: str,
    ) -> None:
        """Decide on identities, and with them on those of their detections that are active; `name` is the decision's own."""
        self.state.identity_risks.lock(session, self.workspace)
        for kind in {one.kind for one in identities}:
            several = sorted((one for one in identities if one.kind is kind), key=lambda one: one.key)
            locked = self._find_identities(session, kind, [one.id for one in several])
            about = self._find_newest_detections(session, kind, [one.id for one in several], detections)
            on_identity: defaultdict[str, list[RiskDetection]] = defaultdict(list)
            for each in about:
                on_identity[each.identity.lower()].append(each)
            for one in several:
                kept = locked.get(one.key)
                newest = kept if kept is not None and kept.updated >= one.updated else one
                mine = [each for each in on_identity[one.key] if each.is_active]
                self._decide_identity(session, newest, mine, decision, name, by)

    def _decide_identity(
        self,
        session: Session,
        one: RiskyIdentity,
        detections: Sequence[RiskDetection],
        decision: RiskDecision,
        name: str,
        by: str,
    ) -> None:
        for each in detections:
            self._decide_detection(session, each, decision, name)
        types = sorted({each.event_type for each in detections})
        if decision.event_type:
            self._put_detection(session, self._make_confirmation(one, decision), name)
            types = [*types, decision.event_type]
        changed = replace(
            one,
            state=decision.state,
            level=decision.level,
            detail=decision.detail,
            updated=self._compute_next_time(one),
        )
        self._put_identity(
            session, RiskHistoryItem(identity=changed, initiated_by=by, event_types=types), name
        )

    def _find_newest_detections(
        self, session: Session, kind: IdentityKind, ids: Collection[str], given: Collection[RiskDetection]
    ) -> list[RiskDetection]:
        """Return detections on identities: as they are kept now, and of those that were given what is not kept."""
        kept = self.state.identity_risks.detections_of(self.workspace, kind, ids, session)
        known = {one.id.lower() for one in kept}
        return [*kept, *(one for one in given if one.kind is kind and one.id.lower() not in known)]

    def decide_sign_ins(
        self,
        session: Session,
        detections: Collection[RiskDetection],
        others: Collection[RiskDetection],
        decision: RiskDecision,
        name: str,
        by: str,
    ) -> None:
        """Decide on the detections of sign-ins; what is left of their users' risk comes from their other detections."""
        self.state.identity_risks.lock(session, self.workspace)
        identities = {one.identity.lower() for one in detections}
        before = self._find_identities(session, IdentityKind.USER, identities)
        latest = self._find_newest_detections(session, IdentityKind.USER, identities, [*detections, *others])
        decided = {one.id.lower() for one in detections}
        for key in sorted(identities):
            about = [one for one in latest if one.identity.lower() == key]
            mine = [one for one in about if one.id.lower() in decided]
            for one in mine:
                self._decide_detection(session, one, decision, name)
            active = [one for one in about if one.is_active and one.id.lower() not in decided]
            level = combine_levels((one.event_type, one.level) for one in active)
            if decision.state is RiskState.CONFIRMED_COMPROMISED:
                level = RiskLevel.HIGH
            state = RiskState.AT_RISK if level is not RiskLevel.NONE else decision.state
            kept = before.get(key) or _create_identity(mine[0])
            changed = replace(
                kept,
                state=state,
                level=level,
                detail=decision.detail,
                updated=self._compute_next_time(before.get(key)),
            )
            types = sorted({one.event_type for one in mine})
            self._put_identity(
                session, RiskHistoryItem(identity=changed, initiated_by=by, event_types=types), name
            )

    def expire(self, session: Session) -> int:
        """End low risk that has not changed for LOW_EXPIRES; return of how many identities."""
        self.state.identity_risks.lock(session, self.workspace)
        stale = self.state.identity_risks.list_unchanged_since(
            self.workspace, RiskLevel.LOW, self.now - LOW_EXPIRES, session
        )
        for kind in IdentityKind:
            several = [one for one in stale if one.kind is kind]
            self.decide(session, several, (), EXPIRED, "Expire", PRODUCT)
        return len(stale)

    def _find_identities(
        self, session: Session, kind: IdentityKind, ids: Collection[str]
    ) -> Mapping[str, RiskyIdentity]:
        return self.state.identity_risks.find_identities(self.workspace, kind, ids, session)

    def _raise_identity_risk(
        self, session: Session, before: RiskyIdentity | None, new: Sequence[RiskDetection]
    ) -> None:
        """Give an identity the level of all its active detections."""
        newest = max(new, key=lambda one: one.happened)
        kept = before or _create_identity(newest)
        about = self.state.identity_risks.detections_of(
            self.workspace, newest.kind, [newest.identity], session
        )
        level = combine_levels((one.event_type, one.level) for one in about if one.is_active)
        state = RiskState.AT_RISK
        if kept.state is RiskState.CONFIRMED_COMPROMISED:
            level, state = RiskLevel.HIGH, RiskState.CONFIRMED_COMPROMISED
        named = replace(
            kept, name=newest.name or kept.name, display_name=newest.display_name or kept.display_name,
            app_id=newest.app_id or kept.app_id,
        )  # fmt: skip
        changed = replace(
            named, level=level, state=state, detail="none", updated=self._compute_next_time(before)
        )
        types = sorted({one.event_type for one in new})
        self._put_identity(
            session, RiskHistoryItem(identity=changed, initiated_by=PRODUCT, event_types=types), "Detect"
        )

    def _make_confirmation(self, one: RiskyIdentity, decision: RiskDecision) -> RiskDetection:
        """Return the detection that a confirmation adds."""
        return RiskDetection(
            id=str(uuid4()), kind=one.kind, identity=one.id, event_type=decision.event_type, level=decision.level,
            state=decision.state, detail=decision.detail, happened=self.now, detected=self.now, updated=self.now,
            timing="offline", activity=name_activity_kind(one.kind), name=one.name, display_name=one.display_name, app_id=one.app_id,
            tenant=one.tenant, reasons=["an administrator confirmed that the identity is compromised"],
        )  # fmt: skip

    def _decide_detection(
        self, session: Session, one: RiskDetection, decision: RiskDecision, name: str
    ) -> None:
        changed = replace(
            one, state=decision.state, detail=decision.detail, updated=self._compute_next_time(one)
        )
        self._put_detection(session, changed, name)

    def _compute_next_time(self, last: RiskyIdentity | RiskDetection | None) -> datetime:
        """Return the time of a change: now, or right after the last change where that is as late."""
        return self.now if last is None else max(self.now, last.updated + STEP)

    def _put_detection(self, session: Session, one: RiskDetection, name: str) -> None:
        self.state.identity_risks.put_detection(session, self.workspace, one)
        self.state.outbox.add(
            session, self.workspace, TABLES[one.kind].detections, build_detection_row(one, name)
        )

    def _put_identity(self, session: Session, item: RiskHistoryItem, name: str) -> None:
        risks, one = self.state.identity_risks, item.identity
        risks.put(session, self.workspace, one)
        risks.add_history(session, self.workspace, item)
        record_identity(self.state, session, self.workspace, item)
        self.state.outbox.add(session, self.workspace, TABLES[one.kind].risky, build_identity_row(item, name))


def name_activity_kind(kind: IdentityKind) -> str:
    """Return what Graph calls the activity of a detection that is about no sign-in."""
    return "user" if kind is IdentityKind.USER else "servicePrincipal"


def _create_identity(one: RiskDetection) -> RiskyIdentity:
    """Return an identity that was not at risk before a detection."""
    return RiskyIdentity(
        kind=one.kind, id=one.identity, level=RiskLevel.NONE, state=RiskState.NONE, updated=one.detected, name=one.name,
        display_name=one.display_name, tenant=one.tenant, app_id=one.app_id,
    )  # fmt: skip
