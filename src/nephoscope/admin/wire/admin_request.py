"""Admin request: one request of the admin API as its handler sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.service.service_context import ServiceContext

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance


@dataclass(frozen=True, slots=True)
class HealthCheckResult:
    """Result of a health check: `verdict` is ok, info, warning or wrong, `remedy` the fix ('' = none needed)."""

    check: str
    verdict: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Facts that only the server process has: its start settings and its health checks."""

    settings: Mapping[str, object] = field(default_factory=dict)
    examined: Callable[[], Iterable[HealthCheckResult]] = tuple


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """A request: who asks, and what the server works with."""

    instance: Instance
    caller: Caller
    host: ServerInfo
    permission: str

    @property
    def service(self) -> ServiceContext:
        """Return what the calls of the service layer work with."""
        return ServiceContext(self.caller, self.instance.state, self.instance.data)
