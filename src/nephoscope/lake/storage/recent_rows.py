"""Recent rows: rows of small and new files, which all aggregates of a table read anew in each evaluation, read once for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from nephoscope.lake.query_engine import QueryEngine
from nephoscope_kql.engines.parquet import FileScan

MOST_BYTES = 16 * 1024 * 1024
"""How large files may be together whose rows are held in memory."""

_asked: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)
"""Relation -> the aggregates that this process asked of it, by their SQL, and the columns that each reads: it will ask them again."""


@dataclass(frozen=True, slots=True)
class _HeldRows:
    name: str
    scan: FileScan
    columns: frozenset[str]


@dataclass(slots=True)
class RecentRows:
    """Recent rows that one engine holds, by relation, which subscriptions they are of, and whether their days are `over`."""

    _held: dict[tuple[str, object, bool], _HeldRows] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=count)

    def show(
        self,
        engine: QueryEngine,
        relation: str,
        scan: FileScan,
        question: str,
        columns: frozenset[str],
        *,
        over: bool = False,
    ) -> None:
        """Let the engine see these rows under a relation, with the columns that a question reads."""
        known = _asked[relation]
        known[question] = columns
        place = relation, scan.only, over
        held = self._held.get(place)
        if held is None or held.scan != scan or not columns <= held.columns:
            held = self._hold_columns(engine, place, scan) if len(known) > 1 else None
        if held is None:
            engine.register_scan(relation, scan.narrow(columns))
        else:
            engine.register_loaded_table(relation, held.name, None)

    def drop(self, engine: QueryEngine) -> None:
        """Let an engine forget all of them."""
        for held in self._held.values():
            engine.drop_loaded_table(held.name)
        self._held.clear()

    def _hold_columns(
        self, engine: QueryEngine, place: tuple[str, object, bool], scan: FileScan
    ) -> _HeldRows | None:
        """Read the columns of all aggregates into memory; None where there is nothing to read, or too much."""
        paths = scan.paths()
        if not paths or sum(path.stat().st_size for path in paths) > MOST_BYTES:
            return None
        columns = frozenset().union(*_asked[place[0]].values())
        before = self._held.pop(place, None)
        if before is not None:
            engine.drop_loaded_table(before.name)
        held = _HeldRows(f"recent/{next(self._names)}/{place[0]}", scan, columns)
        engine.load_scan(held.name, scan, columns, None)
        self._held[place] = held
        return held
