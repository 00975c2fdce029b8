"""Surface request: caller, path, query, body and services of one request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.api.wire.arm_path import scope_of
from nephoscope.api.wire.azure_error import ApiError, bad
from nephoscope.model.nesting_limit import DEEPEST, too_deep
from nephoscope.service.service_context import ServiceContext

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance
    from nephoscope.model.read_reach import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.state.access.principals import Principal


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
        return scope_of(self.path)

    @property
    def changed_scope(self) -> str:
        """Return what a change is made to: the lower-cased id of a resource in a resource group, else the scope."""
        path = self.path.lower().rstrip("/")
        return path if _IN_GROUP.match(path) else self.scope

    @property
    def below(self) -> str:
        """Return the same as what a list is below: '' for the tenant."""
        return "" if self.scope == "/" else self.scope

    @cached_property
    def reach(self) -> Reach:
        """Return what of the estate the caller may do this on."""
        return self.caller.reach(self.permission)

    @cached_property
    def snapshot(self) -> PublishedSnapshot:
        """Return what was published last, or what it goes on with; Fault where nothing was assessed yet."""
        found = self.began or self.instance.snapshots.newest()
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
            raise bad(f"The request content was invalid and could not be deserialized: {error}.") from error
        if not isinstance(found, dict):
            raise bad("The request content must be a JSON object.")
        if too_deep(found):
            raise bad(f"The request content nests deeper than {DEEPEST} objects and arrays.")
        return found

    def text(self, *path: str, needed: bool = False) -> str:
        """A text inside the body; Fault where it is no text, or is needed and missing."""
        value: Any = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value):
            raise bad(f"'{'.'.join(path)}' must be a string.", ".".join(path))
        return value

    def asked(self, name: str) -> str:
        """A value of the query string, its name in any case."""
        return next((value for key, value in self.query.items() if key.lower() == name.lower()), "")

    def top(self, most: int) -> int:
        """Count how many items of a list are asked for by `$top`, at most `most`."""
        given = self.asked("$top")
        if not given:
            return most
        if not given.isdecimal() or int(given) < 1:
            raise bad("$top must be a whole number above 0.", "$top", "InvalidParameter")
        return min(int(given), most)
