"""Compiled queries that are kept: a rule that runs every five minutes is compiled once."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast

from nephoscope_kql.catalog import Catalog
from nephoscope_kql.compile import CompiledQuery, compile_query, to_ticks

Asked = dict[tuple[str, tuple[object, ...]], object]
CAPACITY = 2_000
"""How many queries are kept by default; compiled rules have some ten KiB each."""


class _Recorder:
    """A catalog that notes what it was asked and what it answered."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.asked: Asked = {}

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._catalog, name)

        def ask(*arguments: object) -> object:
            answer = _materialize_answer(method(*arguments))
            self.asked[name, arguments] = answer
            return answer

        return ask


def _materialize_answer(answer: object) -> object:
    """The answer; one that can be read only once as a tuple."""
    return tuple(answer) if isinstance(answer, Iterable) and not isinstance(answer, str) else answer


@dataclass(frozen=True, slots=True)
class _CachedQuery:
    compiled: CompiledQuery
    asked: Asked

    def is_current(self, catalog: Catalog) -> bool:
        """Return whether the catalog would answer as it did when the query was compiled."""
        return all(
            _is_same_value(_materialize_answer(getattr(catalog, name)(*arguments)), answer)
            for (name, arguments), answer in self.asked.items()
        )


def _is_same_value(one: object, other: object) -> bool:
    return one is other or bool(one == other)


class CompileCache:
    """Compiled queries by text and dialect, the least recently used dropped first; safe for threads.

    What is kept is used only while the catalog gives the same answers to every question that compiling asked of it (the same
    schemas, functions and names), so that a cache is right also where catalogs differ from caller to caller. now() is set anew at
    each use. Errors are not kept, nor are queries whose columns depend on rows: each run of those compiles again.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str], _CachedQuery] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def compile(
        self, text: str, catalog: Catalog, dialect: str = "duckdb", now: dt.datetime | None = None
    ) -> CompiledQuery:
        """Return the cached query, or compile and cache it, as kql.compile() does. KqlError as there."""
        now = now or dt.datetime.now(dt.UTC)
        kept = self._find_query((text, dialect))
        if kept is not None and kept.is_current(catalog):
            self.hits += 1
            return _rebind_now(kept.compiled, now)
        self.misses += 1
        recorder = _Recorder(catalog)
        compiled = compile_query(text, cast("Catalog", recorder), dialect, now)
        if compiled.resume is None:
            self._keep_query((text, dialect), _CachedQuery(compiled, recorder.asked))
        return compiled

    def _find_query(self, key: tuple[str, str]) -> _CachedQuery | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def _keep_query(self, key: tuple[str, str], kept: _CachedQuery) -> None:
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


def _rebind_now(compiled: CompiledQuery, now: dt.datetime) -> CompiledQuery:
    """The query at another moment."""
    if "now" not in compiled.parameters:
        return compiled
    return replace(compiled, parameters=MappingProxyType({**compiled.parameters, "now": to_ticks(now)}))
