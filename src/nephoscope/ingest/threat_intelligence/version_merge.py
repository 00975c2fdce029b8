"""Version merge: accept, update or reject a version of an object that a source sends.

Each source has its own version of an object, so that none replaces or revokes what another one said; and within a source only the
creator may change or revoke it. Source: STIX 2.1 section 3.6 (https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

import msgspec

from nephoscope.ingest.threat_intelligence.indicator import IntelItem, RefusedItem, Retraction
from nephoscope.state.ingestion.threat_intelligence import Intel

Change = tuple[Intel, Intel | None]
"""An object as it is now and as it was."""


@dataclass(frozen=True, slots=True)
class IntelCounts:
    """Counts of an import: objects that are new, changed, unchanged, and older than the stored ones.

    `elsewhere`: how many of the new ones another source has too; `refused`: versions of somebody who is not the object's creator.
    """

    new: int = 0
    changed: int = 0
    known: int = 0
    older: int = 0
    elsewhere: int = 0
    refused: tuple[RefusedItem, ...] = ()

    def __add__(self, other: IntelCounts) -> IntelCounts:
        return IntelCounts(
            self.new + other.new,
            self.changed + other.changed,
            self.known + other.known,
            self.older + other.older,
            self.elsewhere + other.elsewhere,
            self.refused + other.refused,
        )

    def __str__(self) -> str:
        summary = f"{self.new:,} new, {self.changed:,} changed, {self.known:,} known, {self.older:,} older than what is known"
        if self.elsewhere:
            summary += f" ({self.elsewhere:,} of the new ones another source has too: each source keeps its own version)"
        return summary


@dataclass(slots=True)
class IntelVersions:
    """Versions that a source brings within one transaction, on top of `standing`: the stored versions of the same ids.

    `by_hand`: somebody here changes the objects, whoever made them.
    """

    workspace: str
    source: str
    now: datetime
    standing: Iterable[Intel]
    by_hand: bool = False
    kept: IntelCounts = field(default_factory=IntelCounts)
    changes: dict[str, Change] = field(default_factory=dict)
    _known: dict[str, Intel] = field(init=False)
    _others: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        found = list(self.standing)
        self._known = {one.stix: one for one in found if one.source == self.source}
        self._others = frozenset(
            id_ for one in found if one.source != self.source for id_ in (one.id, one.stix)
        )

    def add_version(self, one: IntelItem | Retraction) -> None:
        """Count a version, and let it be the object's where it is to be."""
        before = self.changes[one.id][0] if one.id in self.changes else self._known.get(one.id)
        if isinstance(one, Retraction):
            self._retract_indicator(one, before)
        elif before is None:
            self._put_indicator(
                self._make_version(one, None), IntelCounts(new=1, elsewhere=int(one.id in self._others))
            )
        else:
            self._replace_indicator(one, before)

    def _retract_indicator(self, one: Retraction, before: Intel | None) -> None:
        if before is None or before.revoked:
            return
        if one.modified < before.modified:
            self.kept += IntelCounts(older=1)
            return
        document = {**before.document, "revoked": True, "modified": one.modified.isoformat()}
        made = replace(
            before, document=document, digest=_compute_digest(document), modified=one.modified, revoked=True, published=self.now,
        )  # fmt: skip
        self._put_indicator(replace(made, active=False), IntelCounts(changed=1))

    def _replace_indicator(self, one: IntelItem, before: Intel) -> None:
        made = self._make_version(one, before)
        if before.digest == made.digest:
            self.kept += IntelCounts(known=1)
        elif made.modified < before.modified:
            self.kept += IntelCounts(older=1)
        elif not self.by_hand and (said := _check_creator(one, before)):
            raw = msgspec.json.encode(one.document)[:1000].decode("utf-8", "replace")
            self.kept += IntelCounts(refused=(RefusedItem(one.id, said, raw),))
        else:
            self._put_indicator(made, IntelCounts(changed=1))

    def _put_indicator(self, made: Intel, kept: IntelCounts) -> None:
        self.kept += kept
        self.changes[made.stix] = made, self._known.get(made.stix)

    def _make_version(self, one: IntelItem, before: Intel | None) -> Intel:
        made = Intel(
            self.workspace,
            before.id if before else self._choose_id(one),
            one.id,
            one.kind,
            self.source,
            one.modified,
            _compute_digest(one.document),
            "".join(f"\n{value.lower()}\n" for _, value in one.observables),
            one.observables,
            one.document,
            one.confidence,
            one.valid_until,
            one.revoked,
            before.withdrawn if before else "",
            False,
            self.now,
        )
        return replace(made, active=is_matched(made, self.now))

    def _choose_id(self, one: IntelItem) -> str:
        """The id of a new object here: its own, unless another source's goes by it; then one that nobody can guess and take first."""
        return f"{one.kind}--{uuid4()}" if one.id in self._others else one.id


def is_matched(one: Intel, now: datetime) -> bool:
    """Return whether rules are to match an object at a time."""
    return not one.revoked and not one.withdrawn and (one.valid_until is None or one.valid_until > now)


def _compute_digest(document: dict[str, object]) -> str:
    return sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()


def _check_creator(one: IntelItem, before: Intel) -> str:
    """Explain why a version is not one of the object's creator, '' where it is."""
    maker, other = before.document.get("created_by_ref"), one.document.get("created_by_ref")
    if maker == other:
        return ""
    return (
        f"a version of {str(other or 'nobody')[:100]}, but the object is one of {str(maker or 'nobody')[:100]}: only its creator "
        "may change or revoke it (STIX 2.1 section 3.6)"
    )
