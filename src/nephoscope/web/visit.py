"""A visit: a request for a page by someone who is signed in, with the scope and the time that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nephoscope.model.reach import Reach

if TYPE_CHECKING:
    from starlette.requests import Request

    from nephoscope.access.guard import Caller
    from nephoscope.instance import Instance
    from nephoscope.posture.published.edition import Edition

SPANS = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
}
KEPT = ("scope", "span", "zone")
"""What the address says on every page: links keep it."""


@dataclass(frozen=True)
class Visit:
    """One request for a page; `form` is what was sent, `parameters` what stands in the path."""

    instance: Instance
    caller: Caller
    request: Request
    parameters: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    def asked(self, name: str, default: str = "") -> str:
        """A value of the address."""
        return self.request.query_params.get(name, default)

    def several(self, name: str) -> frozenset[str]:
        """All values of a name in the address that say something."""
        return frozenset(one for one in self.request.query_params.getlist(name) if one)

    @cached_property
    def edition(self) -> Edition | None:
        """What was published last, None where nothing was assessed yet."""
        return self.instance.shelf.newest()

    @cached_property
    def subscriptions(self) -> dict[str, str]:
        """Id -> name of the subscriptions that the caller may see, by name."""
        if self.edition is None:
            return {}
        reach = self.caller.reach("Microsoft.Resources/subscriptions/read")
        groups = {group.split("/")[2] for group in reach.groups}
        found = {
            id_: name or id_
            for id_, name in self.edition.made.subscriptions.items()
            if reach.sees(id_) or id_ in groups
        }
        return dict(sorted(found.items(), key=lambda one: one[1].casefold()))

    def named(self, id_: str) -> str:
        """The name of a resource by its id; of a subscription the one that people know."""
        last = id_.rstrip("/").rsplit("/", 1)[-1]
        return self.subscriptions.get(last, last) or "tenant"

    @cached_property
    def chosen(self) -> frozenset[str] | None:
        """The subscriptions that the address chooses: one, those below a management group, or None for all."""
        scope = self.asked("scope").lower()
        if not scope or self.edition is None:
            return None
        if scope.startswith("mg:"):
            group = f"/providers/microsoft.management/managementgroups/{scope[3:]}"
            return self.caller.hierarchy.below(group)
        return frozenset({scope})

    def reach(self, permission: str) -> Reach:
        """What of the chosen scope an operation may be done on."""
        own = self.caller.reach(permission)
        return own if self.chosen is None else own.within(self.chosen)

    @property
    def span(self) -> str:
        """The key of the time range, one of SPANS."""
        given = self.asked("span", "7d")
        return given if given in SPANS else "7d"

    @property
    def since(self) -> datetime:
        """Where the time range begins."""
        return self.instance.now - SPANS[self.span][1]

    def link(self, path: str, **changes: str | int | None) -> str:
        """The address of a page with the scope and time of this one, and what `changes` says (None takes it out)."""
        kept = {name: self.asked(name) for name in KEPT if self.asked(name)}
        wanted = {**kept, **{name: str(value) for name, value in changes.items() if value is not None}}
        for name in (name for name, value in changes.items() if value is None):
            wanted.pop(name, None)
        return f"{path}?{urlencode(wanted)}" if wanted else path

    def here(self, **changes: str | int | None) -> str:
        """The address of this page with changes (None takes a value out)."""
        kept = [
            (name, value) for name, value in self.request.query_params.multi_items() if name not in changes
        ]
        added = [(name, str(value)) for name, value in changes.items() if value is not None]
        query = urlencode([*kept, *added])
        return f"{self.request.url.path}?{query}" if query else self.request.url.path
