"""Content selection: find the rules (by ID or name) and packs (by name) to enable or disable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from nephoscope.alerts.library.content_listing import load_packs
from nephoscope.alerts.rules.renamed_rules import load_former_names
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.rules.rule_switches import PACK, RULE


def choose_switches(data: Path, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the packs by name and the rules by ID that several names stand for.

    Raises PackError for a spoilt pack, NotFoundError for a name of nothing, StateError for one of several rules.
    """
    packs = {pack.name: pack for pack in load_packs(data)}
    rules = [
        *_list_shipped_names(),
        *((one.id, one.name) for pack in packs.values() for one in pack.list_query_pieces()),
    ]
    chosen: dict[str, list[str]] = {PACK: [], RULE: []}
    for name in names:
        if name in packs:
            chosen[PACK].append(name)
            continue
        found = sorted({id_ for id_, known in rules if name.casefold() in (id_, known.casefold())})
        if not found:
            raise NotFoundError(f"rule or pack {name!r} not found: see `content list --rules`")
        if len(found) > 1:
            raise StateError(f"{len(found)} rules are named {name!r}: {', '.join(found)}; use an ID")
        chosen[RULE] += found
    return chosen


def _list_shipped_names() -> Iterator[tuple[str, str]]:
    for rule in load_shipped_rules().rules:
        for name in (rule.name, *load_former_names().get(rule.id, ())):
            yield rule.id, name
