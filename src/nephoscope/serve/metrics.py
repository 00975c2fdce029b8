"""Metrics for Prometheus: requests by surface and status, how long they took, and how the lake and the assessments stand.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nephoscope.access.query_queue import QueryCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from nephoscope.instance import Instance

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """The metrics of one web process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "nephoscope_requests",
            "Number of responses.",
            ["area", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "nephoscope_request_seconds",
            "Response time.",
            ["area"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.resources = Gauge(
            "nephoscope_resources", "Resources in the published estate.", registry=self.registry
        )
        self.assessments = Gauge(
            "nephoscope_assessments", "Assessments by state.", ["state"], registry=self.registry
        )
        self.score = Gauge("nephoscope_secure_score_ratio", "Secure score, 0 to 1.", registry=self.registry)
        self.assessed = Gauge(
            "nephoscope_assessed_timestamp_seconds",
            "Time of the last assessment.",
            registry=self.registry,
        )
        self.incidents = Gauge("nephoscope_open_incidents", "Open incidents.", registry=self.registry)
        self.runs = Gauge(
            "nephoscope_automation_runs",
            "Runs of automations and response rules by status; dead runs failed permanently.",
            ["status"],
            registry=self.registry,
        )

        self.queries = Gauge(
            "nephoscope_queries",
            "Queries of users and programs by status: running or queued.",
            ["status"],
            registry=self.registry,
        )
        self._queries = _Queries()
        self.registry.register(self._queries)
        self._front = _Front()
        self.registry.register(self._front)

    def update(self, counted: bytes) -> None:
        """Take over the front's counts of ingested records."""
        self._front.counted = msgspec.json.decode(counted, type=dict[str, int])

    def text(self, instance: Instance) -> bytes:
        """The metrics as Prometheus reads them."""
        snapshot = instance.snapshots.load_newest()
        if snapshot is not None:
            made = snapshot.build_info
            self.resources.set(made.resources)
            self.assessed.set(made.when.timestamp())
            if made.percentage is not None:
                self.score.set(made.percentage)
            for state, count in made.states.items():
                self.assessments.labels(state).set(count)
        self.incidents.set(instance.open_incidents())
        self._queries.counts = counts = instance.queries.counts()
        self.queries.labels("running").set(counts.running)
        self.queries.labels("waiting").set(counts.waiting)
        for status, count in instance.state.run_standings.count_by_status().items():
            self.runs.labels(status.value).set(count)
        return generate_latest(self.registry)


_TAKEN = {
    "requests": ("nephoscope_ingested_requests", "Accepted ingestion requests."),
    "records": ("nephoscope_ingested_records", "Ingested records."),
    "bytes": ("nephoscope_ingested_bytes", "Size of ingestion requests in bytes, as sent."),
    "refused": ("nephoscope_ingestion_refused_requests", "Rejected ingestion requests."),
    "displaced": (
        "nephoscope_connections_displaced",
        "Connections closed to make room for others.",
    ),
    "turned_away": ("nephoscope_connections_refused", "Connections rejected because too many were open."),
}
_OPEN = {
    "connections": ("nephoscope_connections", "Open connections on the port."),
    "unproven": ("nephoscope_connections_unproven", "Open connections without a request."),
}


@dataclass(eq=False)
class _Queries(Collector):
    """Queries that were refused and cancelled since the process began."""

    counts: QueryCounts = field(default_factory=QueryCounts)

    def collect(self) -> Iterator[Metric]:
        """Yield the counts as they were set last."""
        help_text = (
            "Queries rejected because of their principal's limit, and queries cancelled by a disconnect."
        )
        yield CounterMetricFamily("nephoscope_queries_refused", help_text, self.counts.refused)
        yield CounterMetricFamily("nephoscope_queries_cancelled", help_text, self.counts.cancelled)


class _Front(Collector):
    """What another process counts."""

    def __init__(self) -> None:
        self.counted: dict[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """The counts as they were told last."""
        for name, (metric, text) in _TAKEN.items():
            yield CounterMetricFamily(metric, text, self.counted.get(name, 0))
        for name, (metric, text) in _OPEN.items():
            yield GaugeMetricFamily(metric, text, self.counted.get(name, 0))


class MetricsMiddleware:
    """Counts requests and times them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_measured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_measured)
        finally:
            area = _classify_path(scope["path"])
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(area, method, str(status)).inc()
            self._metrics.seconds.labels(area).observe(time.perf_counter() - began)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _classify_path(path: str) -> str:
    """A word for what was asked, of which there are few."""
    first = path.strip("/").partition("/")[0].lower()
    return first if first in _AREAS else "other"


_AREAS = frozenset({
    "", "static", "providers", "subscriptions", "v1", "v1.0", "v2", "metadata", "tenants", "healthz", "readyz", "metrics",
    "recommendations", "inventory", "resource",
})  # fmt: skip
