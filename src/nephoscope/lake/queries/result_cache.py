"""Results that a query allows to be used again: `set query_results_cache_max_age = 5m`. One principal's are never another's."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql import tree
from nephoscope_kql.parser import parse
from nephoscope_kql.run import QueryResult
from nephoscope_kql.types import TICKS_PER_SECOND, KqlType

OPTION = "query_results_cache_max_age"
CAPACITY = 64 << 20


@dataclass(frozen=True, slots=True)
class ResultKey:
    """Key of a cached result: all that it depends on beside the rows and the moment, such as who asked what in which workspace."""

    scope: LakeScope
    workspace: Workspace
    text: str

    def __hash__(self) -> int:
        return hash((self.scope, self.workspace.name, self.text))


class ResultCache:
    """Results by Asked, up to so many bytes, those not used for longest dropped first. Safe for threads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._kept: OrderedDict[ResultKey, tuple[float, list[QueryResult]]] = OrderedDict()

    def find(self, asked: ResultKey, age: float) -> list[QueryResult] | None:
        """The results, where they are not older than `age` seconds."""
        with self._lock:
            found = self._kept.get(asked)
            if found is None or time.monotonic() - found[0] > age:
                return None
            self._kept.move_to_end(asked)
            return found[1]

    def keep(self, asked: ResultKey, began: float, results: list[QueryResult]) -> None:
        """Keep results of a query that began at a time.monotonic()."""
        if _measure_size(results) > self._capacity:
            return
        with self._lock:
            self._kept[asked] = began, results
            self._kept.move_to_end(asked)
            while sum(_measure_size(kept) for _, kept in self._kept.values()) > self._capacity:
                self._kept.popitem(last=False)


def _measure_size(results: list[QueryResult]) -> int:
    return sum(one.table.nbytes for one in results)


def read_allowed_age(text: str) -> float:
    """The seconds for which a query's results may be used again; 0 where it does not say."""
    if OPTION not in text:
        return 0.0
    for statement in parse(text).statements:
        if isinstance(statement, tree.Set) and statement.name == OPTION:
            return _read_seconds(statement.value)
    return 0.0


def _read_seconds(value: tree.Expression | None) -> float:
    """The literal timespan of the option, also in time(...); 0 for anything else, which is as if it were not set."""
    if isinstance(value, tree.Literal) and value.type == KqlType.TIMESPAN and isinstance(value.value, int):
        return value.value / TICKS_PER_SECOND
    return 0.0
