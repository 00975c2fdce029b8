"""A data folder with something of every entity that the services change."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.service import calls
from tests.service.registry_calls import arrange_registries

from nephoscope.alerts.library.content_packs import RulePacks
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.ingest.threat_intelligence.indicator_store import keep_indicators
from nephoscope.lake.lake import Lake
from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem, WatchlistService
from nephoscope.state import State
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep
from nephoscope.state.incidents.incidents import IncidentNote, NoteKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def arranged(folder: Path) -> Iterator[tuple[State, Lake, Path]]:
    """The state and the lake of a new folder, put there as a test arranges it."""
    data = folder / "data"
    with (
        State.open_folder(data) as state,
        Lake.open(data, state) as lake,
        state.as_product("arrangement of a test"),
    ):
        now = state.database.local_time()
        editing = TuningEditor(state, "default", "kim", now, "an advice")
        editing.suppress("known", calls.RULE_OF.id, ())
        editing.set_settings(calls.RULE_OF, {"severity": "Low"})
        _decided(state)
        arrange_registries(state, now)
        keeping = WatchlistService(state, lake, "default", "kim")
        keeping.create("Known", "Address", ["Address"], now, [NewWatchlistItem({"Address": "192.0.2.7"})])
        keeping.put_item("Known", calls.BOOKMARK, {"Address": "192.0.2.8"}, now)
        keep_indicators(state, "default", "feed", [calls._item()], now)
        state.credentials.put("response.hook", "s3cret")
        RulePacks(data).store(calls._pack())
        with state.transaction() as session:
            state.saved_queries.put(session, "default", "shared", "print 1", "somebody", "kim", shared=True)
            state.arm_documents.put(
                session, "/automations/a", "Microsoft.Security/automations", {"id": "a"}, "kim"
            )
        yield state, lake, data


def _decided(state: State) -> None:
    with state.transaction() as session:
        for _ in range(2):
            number = state.incidents.put(session, calls.incident()).number
        state.incidents.add_note(
            session, 1, IncidentNote(0, NoteKind.TASK, "kim", "ask Kim", False, calls.NOON, "")
        )
        state.alerts.put(session, calls.alert(incident=number))
        state.bookmarks.put(session, calls.bookmark())
        now = state.database.local_time()
        for id_, status in (
            ("waiting", RunStatus.APPROVE),
            ("applied", RunStatus.DONE),
            ("dead", RunStatus.DEAD),
        ):
            run = AutomationRun(
                id_, "default", "rule", "block", {}, "incident.created", "1", {}, status, now, now, now, plan={"a": 1},
                step=RunStep.APPLY if status is RunStatus.DONE else RunStep.DO,
            )  # fmt: skip
            state.automation_runs.put(session, run)
