"""Request context of a page: user, scope and time range."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from starlette.requests import Request

from nephoscope.access.scopes import find_log_scope
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.model.read_scope import Reach
from nephoscope.model.tenant_name import describe_tenant
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import NotFoundError
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope.web.visits.scope_names import map_management_groups, map_subscription_names
from nephoscope.web.visits.tag_scopes import TaggedScopes, list_tag_scopes
from nephoscope.web.visits.theme_cookie import read_chosen_theme
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

SPANS = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
}
LOGS = "Microsoft.OperationalInsights/workspaces/query/read"
GRAPH = "Microsoft.ResourceGraph/resources/read"
SUBSCRIPTIONS = "Microsoft.Resources/subscriptions/read"
#: What an address names the rows by that are ticked in a list.
SELECTIONS = ("alert", "incident", "key", "selected")
#: What an address says of a place in a list: another filter begins it anew.
FIRST_PAGE = ("start", "after", "before", "done", "preview", *SELECTIONS)
KEPT = ("scope", "span", "zone")
"""Parameters that links keep."""


class Guarded(Protocol):
    """Page with the permission that it needs; see Page."""

    @property
    def permission(self) -> str:
        """The role operation that it needs, '' where it is for everybody."""
        ...

    @property
    def tenant(self) -> bool:
        """Return whether the permission is wanted everywhere."""
        ...

    @property
    def anywhere(self) -> bool:
        """Return whether it is about no part of the estate."""
        ...

    @property
    def repositories(self) -> bool:
        """Return whether the permission is wanted in any repository."""
        ...

    @property
    def allows_part(self) -> bool:
        """Return whether it is also for who has the permission at a part of the estate."""
        ...


@dataclass(frozen=True)
class Visit:
    """One request for a page; `form` is what was sent, `ticks` the same where a name
    comes several times, `file` the name and the bytes of one, `parameters` what stands in the path."""

    instance: Instance
    caller: Caller
    request: Request
    parameters: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    ticks: Sequence[tuple[str, str]] = ()
    file: tuple[str, bytes] | None = None

    def get_query_value(self, name: str, default: str = "") -> str:
        """A value of the address."""
        return self.request.query_params.get(name, default)

    def get_query_values(self, name: str) -> frozenset[str]:
        """All values of a name in the address that say something."""
        return frozenset(one for one in self.request.query_params.getlist(name) if one)

    def list_ticked_values(self, name: str) -> list[str]:
        """All values of a name in what was sent, each once."""
        return list(dict.fromkeys(value for known, value in self.ticks if known == name and value))

    @property
    def service(self) -> ServiceContext:
        """Return what the calls of the service layer work with."""
        return ServiceContext(self.caller, self.instance.state, self.instance.data)

    @property
    def base(self) -> str:
        """The address of the server as the browser has it, without a slash at the end."""
        return str(self.request.base_url).rstrip("/")

    @cached_property
    def nonce(self) -> str:
        """Return what style sheets of this answer's scripts carry."""
        return secrets.token_urlsafe(16)

    @cached_property
    def snapshot(self) -> PublishedSnapshot | None:
        """Return what was published last, None where nothing was assessed yet."""
        return self.instance.snapshots.load_newest()

    @cached_property
    def subscriptions(self) -> Mapping[str, str]:
        """Id -> name of the subscriptions that the caller may see, by name."""
        if self.snapshot is None:
            return {}
        reach, snapshot = self.caller.find_reach(SUBSCRIPTIONS), self.snapshot
        return snapshot.get_or_compute(
            ("subscriptions", reach), lambda: _map_subscription_names(snapshot, reach)
        )

    def name_resource(self, id_: str) -> str:
        """The name of a resource by its id; of a subscription the one that people know."""
        last = id_.rstrip("/").rsplit("/", 1)[-1]
        return self.subscriptions.get(last, last) or "tenant"

    @cached_property
    def tenants(self) -> frozenset[str]:
        """The tenants of which the caller may see something."""
        if self.snapshot is None:
            return frozenset()
        reach = self.caller.find_reach(SUBSCRIPTIONS)
        return (
            frozenset(self.snapshot.build_info.tenant_gaps)
            if reach.everything
            else reach.tenants | reach.whole_tenants
        )

    def find_tenant(self, id_: str, tenant: str) -> str:
        """The tenant of a resource whose id another one that the caller sees may have, too; '' for any other."""
        if len(self.tenants) < 2 or id_.lower().startswith("/subscriptions/"):
            return ""
        return describe_tenant(tenant)

    def resource(self, id_: str, tenant: str = "") -> str:
        """The address of the page of a resource."""
        path = f"/resource{id_.lower()}"
        return self.link(path, tenant=tenant) if tenant and self.find_tenant(id_, tenant) else self.link(path)

    def limit_to_tenant(self, tenant: str) -> Visit:
        """Narrow the visit to one tenant."""
        return replace(self, caller=replace(self.caller, tenant=tenant))

    @cached_property
    def chosen_subscriptions(self) -> frozenset[str] | None:
        """The subscriptions that the address chooses: one, those below a management group, or None for all."""
        scope = self.get_query_value("scope").lower()
        if not scope or self.snapshot is None:
            return None
        if scope.startswith("tag:"):
            carried = self.tags.get(self.get_query_value("scope")[4:])
            groups = carried.groups if carried else ()
            return frozenset(
                [*(carried.subscriptions if carried else ()), *(one.split("/")[2] for one in groups)]
            )
        if scope.startswith("mg:"):
            name, _, tenant = scope[3:].partition("@")
            found = self.caller.hierarchy.find_subscriptions_below(
                f"/providers/microsoft.management/managementgroups/{name}"
            )
            return found & self.caller.hierarchy.find_subscriptions_of_tenant(tenant) if tenant else found
        return frozenset({scope})

    def drop_parameter(self, name: str) -> Visit:
        """Return the same visit at an address that does not have a name."""
        kept = [one for one in self.request.query_params.multi_items() if one[0] != name]
        request = Request({**self.request.scope, "query_string": urlencode(kept).encode()})
        return replace(self, request=request)

    @property
    def has_valid_scope(self) -> bool:
        """Return whether the address names no scope, or one that the visitor may see; before an assessment there is none to see."""
        scope = self.get_query_value("scope")
        if not scope or self.snapshot is None:
            return True
        if scope.startswith("tag:"):
            return scope[4:] in self.tags
        return scope.lower() in self.subscriptions or scope.lower() in self.management_groups

    @cached_property
    def management_groups(self) -> dict[str, str]:
        """Scope -> name of the management groups above what the visitor may see; one that several tenants have is of each."""
        return (
            map_management_groups(self.snapshot.build_info, self.subscriptions)
            if self.snapshot is not None
            else {}
        )

    @cached_property
    def tags(self) -> Mapping[str, TaggedScopes]:
        """The tags of what the visitor may see, with what carries each."""
        if self.snapshot is None:
            return {}
        return list_tag_scopes(
            self.snapshot, self.caller.find_reach("Microsoft.Resources/subscriptions/resourceGroups/read")
        )

    @property
    def zone(self) -> str:
        """In which zone times are shown: 'utc', or 'local' to the reader's browser."""
        return "local" if self.get_query_value("zone") == "local" else "utc"

    @cached_property
    def place(self) -> Reach | None:
        """Return what the chosen scope is of, whoever asks; None where none is chosen."""
        scope = self.get_query_value("scope")
        if self.snapshot is not None and scope.startswith("tag:"):
            carried = self.tags.get(scope[4:], TaggedScopes(frozenset(), frozenset()))
            return Reach(subscriptions=carried.subscriptions, groups=carried.groups)
        return None if self.chosen_subscriptions is None else Reach(subscriptions=self.chosen_subscriptions)

    @property
    def scope_name(self) -> str:
        """Return what people call the chosen scope, '' where none is chosen."""
        scope = self.get_query_value("scope") if self.place is not None else ""
        if scope.startswith("tag:"):
            return f"the tag {scope[4:]}"
        return self.management_groups.get(scope.lower()) or self.subscriptions.get(scope.lower(), scope)

    def reach(self, permission: str) -> Reach:
        """Return what of the chosen scope an operation may be done on."""
        return self.limit_reach(self.caller.find_reach(permission))

    def limit_reach(self, own: Reach) -> Reach:
        """A reach, of the chosen scope."""
        if self.place is None:
            return own
        if self.place.groups:
            return own.narrow_to_groups(self.place.subscriptions, self.place.groups)
        return own.narrow_to(self.place.subscriptions)

    def is_in_scope(self, id_: str) -> bool:
        """Return whether a resource lies in the chosen scope, every one where none is chosen."""
        if self.place is None:
            return True
        resource = ResourceId.parse(id_.lower())
        return self.place.can_read(resource.subscription, resource.resource_group_id)

    def rows(self, workspace: str) -> LakeScope:
        """Return which rows of a workspace a query of the visitor reads: what the roles reach, of the chosen scope.

        Rows say their subscription, and not all of them the resource: of a tag they are those of the subscriptions in which it is
        carried. DeniedError where the roles reach none.
        """
        own = self.caller.find_log_scope(LOGS, workspace)
        return own if self.chosen_subscriptions is None else own.restrict(self.chosen_subscriptions)

    @cached_property
    def _incidents(self) -> dict[str, frozenset[int]]:
        return {}

    def list_incidents_in_scope(self, workspace: str) -> frozenset[int] | None:
        """The incidents of a workspace that are about the chosen scope; None where none is chosen."""
        if self.place is None:
            return None
        if workspace not in self._incidents:
            found = self.instance.state.alerts.find_incidents_in_reach(workspace, self.place)
            self._incidents[workspace] = found
        return self._incidents[workspace]

    @cached_property
    def workspace_names(self) -> list[str]:
        """The names of all workspaces, whatever the visitor may do there."""
        return self.instance.state.workspaces.names()

    def workspaces(self, permission: str) -> list[str]:
        """The workspaces in which the visitor may do something; where it is to read logs, those of which any row may be read."""
        return [one for one in self.workspace_names if self._is_permitted_in(permission, one)]

    def _is_permitted_in(self, permission: str, workspace: str) -> bool:
        if permission == LOGS:
            return find_log_scope(self.caller.roles, permission, self.caller.hierarchy, workspace) is not None
        return self.caller.is_permitted(permission, f"/workspaces/{workspace}")

    def home(self, permission: str) -> str:
        """The workspace that a page opens whose address names none, '' where the visitor may do so in none."""
        found = self.workspaces(permission)
        return DEFAULT if DEFAULT in found else next(iter(found), "")

    def workspace(self, permission: str, name: str = "") -> str:
        """The workspace that the address names, or the first that the visitor may; DeniedError where that is none of the kind.

        Only who may do so in every workspace is told by a NotFoundError that there is none of the name.
        """
        wanted = (name or self.get_query_value("workspace")).lower() or self.home(permission) or DEFAULT
        if wanted not in self.workspace_names:
            self.caller.require(permission)
            raise NotFoundError(f"workspace {wanted[:100]!r} not found")
        if permission == LOGS:
            self.caller.find_log_scope(permission, wanted)
        else:
            self.caller.require(permission, f"/workspaces/{wanted}")
        return wanted

    def allows(self, page: Guarded) -> bool:
        """Return whether the visitor may see a page at all."""
        if not page.permission:
            return True
        if page.tenant:
            return self.caller.is_permitted(page.permission)
        if page.repositories:
            return self.caller.has_in_any_repository(page.permission)
        if not page.anywhere:
            return not self.caller.find_reach(page.permission).is_empty
        if page.allows_part and not self.caller.find_reach(page.permission).is_empty:
            return True
        return bool(self.home(page.permission)) or (page.permission == LOGS and self.asks_estate)

    @property
    def asks_estate(self) -> bool:
        """Return whether the visitor may ask the estate by queries: any part of it."""
        return not (self.caller.find_reach(LOGS).is_empty or self.caller.find_reach(GRAPH).is_empty)

    @property
    def span(self) -> str:
        """The key of the time range, one of SPANS."""
        given = self.get_query_value("span", "7d")
        return given if given in SPANS else "7d"

    @property
    def theme(self) -> str:
        """The color scheme that the visitor chose: `light`, `dark`, '' = that of the system."""
        return read_chosen_theme(self.request)

    @property
    def since(self) -> datetime:
        """Return where the time range begins."""
        return self.instance.now - SPANS[self.span][1]

    @cached_property
    def _kept_values(self) -> dict[str, str]:
        return {name: self.get_query_value(name) for name in KEPT if self.get_query_value(name)}

    @cached_property
    def _kept_query(self) -> str:
        return urlencode(self._kept_values)

    def link(self, path: str, **changes: str | int | None) -> str:
        """The address of a page with the scope and time of this one, and what `changes` says (None takes it out)."""
        if not changes:
            return f"{path}?{self._kept_query}" if self._kept_values else path
        wanted = {
            **self._kept_values,
            **{name: str(value) for name, value in changes.items() if value is not None},
        }
        for name in (name for name, value in changes.items() if value is None):
            wanted.pop(name, None)
        return f"{path}?{urlencode(wanted)}" if wanted else path

    def build_address(self, **changes: str | int | None) -> str:
        """The address of this page with changes (None takes a value out)."""
        kept = [
            (name, value) for name, value in self.request.query_params.multi_items() if name not in changes
        ]
        added = [(name, str(value)) for name, value in changes.items() if value is not None]
        query = urlencode([*kept, *added])
        return f"{self.request.url.path}?{query}" if query else self.request.url.path

    def build_list_address(self, **changes: str | int | None) -> str:
        """The address of the first page of this list with changes, and nothing ticked."""
        dropped: dict[str, str | int | None] = dict.fromkeys(FIRST_PAGE)
        return self.build_address(**{**dropped, **changes})

    def toggle_link(self, name: str, value: str) -> str:
        """The address of the first page of this list with a value of a filter added, or taken out where it is chosen."""
        kept = [one for one in self.request.query_params.multi_items() if one[0] not in FIRST_PAGE]
        there = (name, value) in kept
        query = urlencode([one for one in kept if one != (name, value)] if there else [*kept, (name, value)])
        return f"{self.request.url.path}?{query}" if query else self.request.url.path


def _map_subscription_names(snapshot: PublishedSnapshot, reach: Reach) -> Mapping[str, str]:
    groups = {group.split("/")[2] for group in reach.groups}
    found = {
        id_: name or id_
        for id_, name in snapshot.build_info.subscriptions.items()
        if reach.can_read(id_) or id_ in groups
    }
    return map_subscription_names(found)
