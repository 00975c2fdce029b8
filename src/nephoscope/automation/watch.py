"""The watch: looks at every evaluation that is published, and plans the runs of the automations that are told of it.

The runs and the word that the evaluation was looked at are one transaction, so that a change is planned once; what a run does is then
the responder's, which tries again and keeps what it gave up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from nephoscope.access.scopes import Hierarchy
from nephoscope.automation.author import bounded
from nephoscope.automation.automation import TYPE, Automation, AutomationError, Source
from nephoscope.automation.planning import Asked, planned
from nephoscope.automation.published import bodies, changed, file_of, forget, keep, stands
from nephoscope.state.holder import new_holder

if TYPE_CHECKING:
    from nephoscope.posture.published.edition import Edition
    from nephoscope.posture.published.shelf import Shelf
    from nephoscope.state import State

PLACE, SEEN = "automation", "seen"
SNAPSHOT_EVERY = timedelta(days=7)
"""As Azure exports snapshots."""
KEPT = timedelta(days=30)
"""How long runs are kept that did what they were to do."""
_LEASE_SECONDS = 600.0
_LOG = logging.getLogger("nephoscope.automation")


def automations(state: State, shelf: Shelf) -> tuple[list[Automation], list[tuple[str, str]]]:
    """The automations by id within what their authors may do now, and those that cannot be used with the reason."""
    found, wrong = [], []
    edition = shelf.newest()
    made = edition.made if edition is not None else None
    hierarchy = (
        Hierarchy(made.ancestors, frozenset(made.subscriptions), made.tenants)
        if made is not None
        else Hierarchy({})
    )
    for one in state.arm_documents.all([TYPE]):
        try:
            found.append(bounded(Automation.of(one.body), one.body, state, hierarchy))
        except AutomationError as error:
            wrong.append((one.key, str(error)))
    return found, wrong


@dataclass(slots=True)
class Watch:
    """Watches what is published in one data folder."""

    data: Path
    state: State
    shelf: Shelf
    holder: str = field(default_factory=new_holder)

    def look(self, now: datetime | None = None) -> int:
        """Plan runs for what was published since the last look; how many. Nothing where another process looks."""
        edition = self.shelf.newest()
        if edition is None:
            return 0
        seen = self.state.checkpoints.get(PLACE, SEEN)
        wanted = [one for one in automations(self.state, self.shelf)[0] if one.enabled]
        moment = now or datetime.now(UTC)
        if seen == edition.version and not self._snapshots(wanted, moment):
            return 0
        lease = self.state.leases.take("automation", self.holder, _LEASE_SECONDS)
        if lease is None:
            return 0
        try:
            return self._look(edition, wanted, moment)
        finally:
            lease.release()

    def _look(self, edition: Edition, wanted: list[Automation], now: datetime) -> int:
        seen = self.state.checkpoints.get(PLACE, SEEN)
        moved: dict[str, dict[str, str | None]] = {}
        if seen != edition.version:
            stood = stands(edition)
            if seen is not None and file_of(self.data, seen).exists():
                moved = changed(pq.read_table(file_of(self.data, seen)), stood)
            elif seen is not None:
                _LOG.warning("how version %s stood is lost: what changed since is not told", seen)
            keep(self.data, edition.version, stood)
        due = self._snapshots(wanted, now)
        runs = [
            run
            for one in wanted
            for run in planned(one, list(self._asked(edition, one, moved, due)), edition.version, now)
        ]
        with self.state.transaction(product="automations") as session:
            self.state.responses.plan(session, runs)
            told = {SEEN: edition.version, **{f"snapshot/{key}/{at}": now.isoformat() for key, at in due}}
            self.state.checkpoints.keep(session, PLACE, told)
            self.state.responses.prune(session, now - KEPT)
        forget(self.data, edition.version)
        return len(runs)

    def _snapshots(self, wanted: list[Automation], now: datetime) -> set[tuple[str, int]]:
        """Which sources of which automations are to be told of everything now."""
        known = self.state.checkpoints.all(PLACE)
        found = set()
        for one in wanted:
            for at, source in enumerate(one.sources):
                last = known.get(f"snapshot/{one.key}/{at}")
                if source.snapshot and (last is None or now - datetime.fromisoformat(last) >= SNAPSHOT_EVERY):
                    found.add((one.key, at))
        return found

    def _asked(
        self,
        edition: Edition,
        one: Automation,
        moved: Mapping[str, Mapping[str, str | None]],
        due: set[tuple[str, int]],
    ) -> Iterator[Asked]:
        """What an automation is to be told of now, by its sources."""
        for at, source in enumerate(one.sources):
            if not source.type or (source.snapshot and (one.key, at) not in due):
                continue
            keys = None if source.snapshot else moved.get(source.type, {})
            if keys is None or keys:
                before = {key: text for key, text in (keys or {}).items() if text is not None}
                found = list(matching(edition, one, source, None if keys is None else list(keys)))
                yield Asked(source, at, found, before)


def matching(
    edition: Edition, one: Automation, source: Source, keys: list[str] | None
) -> Iterator[dict[str, Any]]:
    """The documents (all, or of some keys) that an automation asks for by a source."""
    for body in bodies(edition, source.type, keys):
        if one.reaches(str(body["id"]).lower()) and source.holds(body):
            yield body
