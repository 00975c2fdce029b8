"""Estate view: the estate, network and roles at one moment as an analyzer reads them."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.evaluation_clock import NotedClock
from nephoscope.estate.log_queries import DeclaredReads, LogNotReceivedError
from nephoscope.estate.network import Network
from nephoscope.estate.resource_lookup import get_properties
from nephoscope_policy.azure_facts import always_exists
from nephoscope_policy.data_gap import STALE, name_standing_child
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.report_age import covers_freshly, explain_expired_claim, explain_report_expiry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from nephoscope.estate.addresses import AddressSet
    from nephoscope.estate.exposure import ExposureIndex
    from nephoscope.estate.log_queries import FileAggregate, Logs
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope.estate.roles import Roles
    from nephoscope_policy.model.resource import Resource


class EstateView:
    """A read-only view of an estate; what it derives is built once, on first use.

    `service_tags` maps lower-cased service tags to their prefixes where a table was imported; `logs` is what `query` asks, None
    where this evaluation reads none. `declared` is what the analyzer that runs may read of both, `clock` notes how long its answers
    about the time stay as they are.
    """

    def __init__(
        self,
        estate: AnalyzerEstate,
        now: datetime,
        service_tags: Mapping[str, AddressSet] | None = None,
        logs: Logs | None = None,
    ) -> None:
        self.estate = estate
        self._now = now
        self.clock = NotedClock(now)
        self.logs = logs
        self.declared = DeclaredReads()
        self._service_tags = service_tags

    @property
    def now(self) -> datetime:
        """The time of the evaluation; a verdict that reads it is of this time alone (see `clock`)."""
        return self.clock.read()

    @contextmanager
    def use_logs(self, logs: Logs | None) -> Iterator[NotedClock]:
        """Within, the logs that are asked are these; yields a clock that notes what is asked of the time within."""
        before, self.logs, self.clock = (self.logs, self.clock), logs, NotedClock(self._now)
        try:
            yield self.clock
        finally:
            self.logs, self.clock = before

    def query(self, text: str) -> list[dict[str, object]]:
        """The rows of KQL over the resources (`Resources` ...) and the logs that are declared; DataNotCollectedError where
        there are none.

        Rows are those of the estate's subscriptions. Times are aware datetimes, dynamic values JSON text.
        """
        if self.logs is None:
            raise LogNotReceivedError("rows of logs: no log data is available")
        return self.logs.query(text, self.declared)

    def aggregate(self, asked: FileAggregate) -> list[dict[str, object]]:
        """The rows of an aggregate over a log that is declared, which is kept by file; see query for the rest."""
        if self.logs is None:
            raise LogNotReceivedError("rows of logs: no log data is available")
        return self.logs.aggregate(asked, self.declared)

    def list_resources(self, type_: str) -> Sequence[Resource]:
        """The resources of a type."""
        return tuple(self.estate.list_of_type(type_.lower()))

    def list_children(self, type_: str, parent: str) -> Sequence[Resource]:
        """The resources of a lower-cased type under a lower-cased parent id."""
        return self._index_children(type_).get(parent, ())

    def _index_children(self, type_: str) -> Mapping[str, Sequence[Resource]]:
        index = self._child_indexes.get(type_)
        if index is None:
            index = self._child_indexes[type_] = {}
            for resource in self.estate.list_of_type(type_):
                index.setdefault(resource.id.parent, []).append(resource)
        return index

    @cached_property
    def _child_indexes(self) -> dict[str, dict[str, list[Resource]]]:
        return {}

    def covers(self, type_: str, scope: str) -> bool:
        """Return whether every resource of a lower-cased type was read in a scope (`/subscriptions/<guid>` or '')."""
        return covers_freshly(self.estate.coverage, type_, scope, self._now)

    def require_collected(self, type_: str, scope: str, name: str = "") -> None:
        """Raise DataNotCollectedError unless a type was read in a scope, with what Azure always has there (under a lower-cased
        name)."""
        coverage = self.estate.coverage
        if not self.covers(type_, scope):
            expired = explain_expired_claim(coverage, type_, scope, self._now)
            if expired:
                raise DataNotCollectedError(expired, STALE)
            reason = coverage.gaps.get(type_)
            raise DataNotCollectedError(
                f"{type_} in {scope or 'the tenant'}" + (f" ({reason})" if reason else "")
            )
        if coverage.supposed or not scope or not always_exists(ResourceId.parse(scope).type, type_, name):
            return
        if not any(not name or child.id.name == name for child in self.list_children(type_, scope)):
            raise DataNotCollectedError(name_standing_child(type_, name, scope))

    def explain_expiry(self, resource: Resource) -> str:
        """Explain why the report that a body holds is too old to decide anything, '' where it is not."""
        return explain_report_expiry(resource, self._now, self.estate.coverage)

    def get_report(self, resource: Resource) -> dict[str, object]:
        """The properties of a body that hold a report; raises NotCollected('stale') where it is too old."""
        why = self.explain_expiry(resource)
        if why:
            raise DataNotCollectedError(why, STALE)
        return get_properties(resource)

    @cached_property
    def network(self) -> Network:
        """Security rules and reachability."""
        return Network(self.estate, self._service_tags)

    @cached_property
    def exposure(self) -> ExposureIndex:
        """Ways in from the Internet."""
        from nephoscope.estate.exposure import ExposureIndex

        return ExposureIndex(self.network)

    @cached_property
    def roles(self) -> Roles:
        """Role assignments and accounts."""
        from nephoscope.estate.roles import Roles

        return Roles(self.estate)
