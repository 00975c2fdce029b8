"""Content switches: enable or disable listed rules and packs, except those changed since the list was rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.service.rules import switch_rules_unchanged
from nephoscope.state import StateError
from nephoscope.state.database.database import DatabaseBusyError
from nephoscope.state.rules.rule_switches import PACK

if TYPE_CHECKING:
    from nephoscope.web.page_data.content_rows import ContentRow, WorkspaceContent
    from nephoscope.web.visits.request_context import Visit

ON = {"on": True, "off": False}
MOST_AT_ONCE, TRIES = 500, 5


@dataclass(frozen=True, slots=True)
class SwitchConflict:
    """Row that a switch left out, in its current state, and the reason."""

    row: ContentRow
    why: str


def switch_selected_content(
    visit: Visit, snapshots: WorkspaceContent, kind: str
) -> tuple[int, list[SwitchConflict]]:
    """Switch what is ticked; how many, and those that were left out. StateError for what cannot be."""
    chosen, act = _read_ticked_states(visit), visit.form.get("act", "")
    if act not in ON or not chosen:
        raise StateError("select at least one item, then enable or disable")
    if len(chosen) > MOST_AT_ONCE:
        raise StateError(f"at most {MOST_AT_ONCE} items can be changed at once")
    for _ in range(TRIES):
        found = _try_switch(visit, snapshots, kind, chosen)
        if found is not None:
            return len(chosen) - len(found), _explain_unchanged_content(visit, snapshots, kind, found)
    raise DatabaseBusyError("another change is in progress: submit again")


def _read_ticked_states(visit: Visit) -> dict[str, str]:
    """Key -> `on` or `off`, as the page showed it."""
    return {key: on for key, _, on in (one.rpartition(" ") for one in visit.list_ticked_values("key")) if key}


def _try_switch(
    visit: Visit, snapshots: WorkspaceContent, kind: str, chosen: Mapping[str, str]
) -> list[ContentRow] | None:
    """Switch those that stand as they were shown, and give the others; None where somebody switched while this looked."""
    before = visit.instance.state.rule_switches.load_switches(snapshots.workspace)
    rows = snapshots.list_imported_packs() if kind == PACK else snapshots.rules()
    known = {one.key: one for one in rows if one.on is not None}
    if unknown := [one for one in chosen if one not in known]:
        raise StateError(f"{unknown[0][:80]} not found")
    left = [known[key] for key, on in chosen.items() if known[key].on is not ON.get(on)]
    keys = [key for key, on in chosen.items() if known[key].on is ON.get(on)]
    if not switch_rules_unchanged(
        visit.service, snapshots.workspace, kind, keys, before, enabled=ON[visit.form["act"]]
    ):
        return None
    return left


def _explain_unchanged_content(
    visit: Visit, snapshots: WorkspaceContent, kind: str, rows: list[ContentRow]
) -> list[SwitchConflict]:
    """They with who switched them, or the pack that they are of."""
    switches, workspace = visit.instance.state.rule_switches, snapshots.workspace
    own = switches.last(workspace, kind, [one.key for one in rows])
    packs = switches.last(workspace, PACK, {one.pack for one in rows if one.pack})
    found = []
    for one in rows:
        known = [each for each in (own.get(one.key), packs.get(one.pack)) if each is not None]
        moment, author = max(known, default=(None, ""))
        when = f"{moment:%Y-%m-%d %H:%M:%S} UTC: {author}" if moment else "somebody"
        found.append(SwitchConflict(one, f"{when} changed by someone else meanwhile"))
    return found
