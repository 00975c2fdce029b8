"""API call: caller, path, query, body and services of one request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.access.scopes import find_group
from nephoscope.api.wire.arm_path import parse_scope
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.model.nesting_limit import DEEPEST, is_nested_deeper
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.estate.arm_documents import build_row_key, split_row_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.governance.effective_policy import EffectivePolicy
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.state.access.principals import Principal
    from nephoscope.state.estate.arm_documents import ArmDocument


#: The id of what lies in a resource group.
_IN_GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/")


@dataclass(frozen=True)
class ApiCall:
    """A request. `base` is the address that the client used (`https://host:port`), `permission` the operation that it is,
    `address` where the request came from, `began` the edition that it goes on with (None = the newest).
    """

    instance: Instance
    caller: Caller
    permission: str
    method: str
    path: str
    base: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    address: str = ""
    began: PublishedSnapshot | None = None

    def __getitem__(self, name: str) -> str:
        """A parameter of the path, '' where the template has none of the name."""
        return self.parameters.get(name) or ""

    @property
    def service(self) -> ServiceContext:
        """Return what the calls of the service layer work with."""
        return ServiceContext(self.caller, self.instance.state, self.instance.data)

    @property
    def scope(self) -> str:
        """Return what the path is about: '/', or the lower-cased id of a container or resource."""
        return parse_scope(self.path)

    @property
    def changed_scope(self) -> str:
        """Return what a change is made to: the lower-cased id of a resource in a resource group, else the scope."""
        path = self.path.lower().rstrip("/")
        return path if _IN_GROUP.match(path) else self.scope

    @property
    def listing_scope(self) -> str:
        """Return the same as what a list is below: '' for the tenant."""
        return "" if self.scope == "/" else self.scope

    @cached_property
    def reach(self) -> Reach:
        """Return what of the estate the caller may do this on."""
        return self.caller.find_reach(self.permission)

    @property
    def tenant(self) -> str:
        """The tenant that the scope lies in for the caller, '' where that is not one."""
        scope, hierarchy = self.scope, self.caller.hierarchy
        if scope.startswith("/subscriptions/"):
            return hierarchy.tenants.get(scope.split("/")[2], "")
        return self.caller.find_tenant(self.permission, scope)

    def load_effective_policy(self) -> EffectivePolicy:
        """Return what can be assigned now and what is, in the tenant that the scope lies in."""
        return self.instance.load_governing(self.tenant)

    def find_stored_document(self, key: str) -> ArmDocument | None:
        """The document that people put under a lower-cased id, of the tenants that the caller reads.

        One of a tenant stands before one that names none, but for a caller who reads everything.
        """
        several = self._filter_readable_documents(self.instance.state.arm_documents.list_documents_of_id(key))
        own = several if self.reach.everything else [one for one in several if one.tenant]
        return next(iter([*own, *several]), None)

    def find_document_to_change(self, key: str) -> ArmDocument | None:
        """The document under a lower-cased id that a change of the caller is made to; ApiError where several tenants have one."""
        documents = self.instance.state.arm_documents
        tenant = self.caller.find_tenant(self.permission, self.scope)
        found = documents.get(build_row_key(tenant, key))
        if found is not None or tenant or not find_group(key):
            return found
        several = documents.list_documents_of_id(key)
        if len(several) > 1:
            names = ", ".join(one.tenant for one in several)
            problem = f"Several tenants have a document '{key[:300]}' ({names}): change it with a role in one of them."
            raise ApiError(409, "Conflict", problem)
        return next(iter(several), None)

    def find_permission_scope(self, changed: ArmDocument | None) -> str:
        """The scope at which a change of a document (None = a new one) needs the permission, with the tenant of the document."""
        return self.scope if changed is None else changed.place(self.scope)

    def list_stored_documents(self, types: Iterable[str], below: str = "") -> list[ArmDocument]:
        """The documents of lower-cased types that people put below a scope, without those at management groups of other tenants."""
        return self._filter_readable_documents(self.instance.state.arm_documents.all(types, below))

    def _filter_readable_documents(self, several: Iterable[ArmDocument]) -> list[ArmDocument]:
        """Of documents at management groups those that hold in a tenant of which the caller reads something."""
        return [one for one in several if self._reads_tenant(find_group(one.key), one.tenant)]

    def _reads_tenant(self, group: str, tenant: str) -> bool:
        reach, hierarchy = self.reach, self.caller.hierarchy
        if not (group or tenant) or reach.everything:
            return True
        owners = frozenset({tenant}) if tenant else hierarchy.find_tenants_with_group(group)
        if (
            not owners
        ):  # a group that no subscription lies below: in a server of one tenant it can only be that one's
            return len(set(hierarchy.tenants.values())) <= 1
        return not owners.isdisjoint({*reach.tenants, *reach.whole_tenants, ""})

    def list_removed_since(self, when: datetime) -> frozenset[str]:
        """The lower-cased ids of documents that were removed after a time, in a tenant that the caller reads."""
        removed = map(split_row_key, self.instance.list_keys_removed_since(when))
        return frozenset(key for tenant, key in removed if self._reads_tenant("", tenant))

    @cached_property
    def snapshot(self) -> PublishedSnapshot:
        """Return what was published last, or what it goes on with; Fault where nothing was assessed yet."""
        found = self.began or self.instance.snapshots.load_newest()
        if found is None:
            raise ApiError(
                501,
                "NotAssessed",
                "Nothing was assessed yet: run a scan, or connect a tenant and wait for its collection.",
            )
        return found

    @cached_property
    def people(self) -> Mapping[str, Principal]:
        """Return who the server lets in, by name."""
        return {one.name: one for one in self.instance.state.principals.all()}

    @cached_property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent ({} where nothing was); Fault says what is wrong with it."""
        if not self.raw.strip():
            return {}
        try:
            found = msgspec.json.decode(self.raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise make_bad_request_error(
                f"The request content was invalid and could not be deserialized: {error}."
            ) from error
        if not isinstance(found, dict):
            raise make_bad_request_error("The request content must be a JSON object.")
        if is_nested_deeper(found):
            raise make_bad_request_error(
                f"The request content nests deeper than {DEEPEST} objects and arrays."
            )
        return found

    def get_text(self, *path: str, needed: bool = False) -> str:
        """A text inside the body; Fault where it is no text, or is needed and missing."""
        value: Any = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value):
            raise make_bad_request_error(f"'{'.'.join(path)}' must be a string.", ".".join(path))
        return value

    def get_query_value(self, name: str) -> str:
        """A value of the query string, its name in any case."""
        return next((value for key, value in self.query.items() if key.lower() == name.lower()), "")

    def read_requested_count(self, most: int) -> int:
        """Count how many items of a list are asked for by `$top`, at most `most`."""
        given = self.get_query_value("$top")
        if not given:
            return most
        if not given.isdecimal() or int(given) < 1:
            raise make_bad_request_error("$top must be a whole number above 0.", "$top", "InvalidParameter")
        return min(int(given), most)
