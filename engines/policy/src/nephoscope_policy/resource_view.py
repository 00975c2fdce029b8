"""Resource view: a resource as conditions read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy.azure_facts import list_constant_paths
from nephoscope_policy.body_paths import MISSING, Segments, fold_keys, fold_segments, gather_values, walk_path
from nephoscope_policy.data_gap import NOT_COLLECTED
from nephoscope_policy.operators import strip_spaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope_policy.aliases import FieldPath
    from nephoscope_policy.evaluation_result import Result
    from nephoscope_policy.model.resource import Resource
    from nephoscope_policy.read_paths import Reads


class NotCollected(Exception):  # noqa: N818 - an answer, not a fault
    """An evaluation looked at something that the snapshot did not read; `args[0]` names it, as in a Gap."""

    cause = NOT_COLLECTED


MARKS = {name: f"\0{name}" for name in ("type", "name", "fullname", "id", "location")}
"""Keys of the lower-cased body that no JSON key of a resource is: the fields that are more than a property."""


class View:
    """A resource with its lower-cased body, made once and shared by every rule."""

    __slots__ = (
        "_folded", "body", "complete", "explanations", "full_name", "key", "left_out", "name", "resource", "type", "unread",
    )  # fmt: skip

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.body: dict[str, object] = resource.body
        self.key = resource.key
        self.type = resource.type
        self.left_out = _find_left_out_paths(resource)
        self.complete = resource.complete and not self.left_out
        self.unread = resource.unread | self.left_out
        self.name, self.full_name = _split_names(resource)
        self._folded: dict[str, object] | None = None
        self.explanations: dict[int, tuple[tuple[object, object, object], Result]] | None = None
        """What the interpreter found, by the identity of the rule, with (rule, snapshot, context); None: it is not kept."""

    @property
    def folded_body(self) -> dict[str, object]:
        """The body with lower-cased keys, and the MARKS."""
        found = self._folded
        if found is None:
            found = self._folded = fold_keys(self.body)
            for name in ("type", "name", "fullname", "id"):
                value = self.get_special_field(name)
                if value is not MISSING:
                    found[MARKS[name]] = value
            location = found.get("location")
            if location is not None:
                found[MARKS["location"]] = strip_spaces(location)
        return found

    def has_all(self, reads: Reads) -> bool:
        """Return whether the closures may judge it: what they read of it is there, or certainly absent."""
        if self.complete:
            return True
        if self.unread or reads.everything:
            return False
        return not reads.paths if self.resource.derived else all(map(self._is_listed, reads.paths))

    def release(self) -> None:
        """Give back the memory of the lower-cased body; it is made again when it is asked for."""
        self._folded = None

    @property
    def id(self) -> object:
        """The id as its source spelled it."""
        return self.body.get("id") or self.key or MISSING

    @property
    def api_version(self) -> str:
        """The api-version that the body was read with, '' where it is not recorded."""
        found = self.body.get("apiVersion")
        return found if isinstance(found, str) else ""

    def get_special_field(self, name: str) -> object:
        """The fields that are not simply properties: name, fullname, type, id."""
        if name == "type":
            return (
                self.body.get("type")
                if _is_same_type(self.body.get("type"), self.type)
                else self.type or MISSING
            )
        if name == "name":
            return self.name
        return self.full_name if name == "fullname" else self.id

    def read(self, field: FieldPath) -> object:
        """The value of a field without `[*]`, keys in any case; raises NotCollected for properties that were not read."""
        if field.special:
            return self.get_special_field(field.special)
        return self.follow(field.segments)

    def follow(self, segments: Segments) -> object:
        """Follow segments in the body as given; raises NotCollected for properties that were not read."""
        if self.unread:
            self._check_read(segments)
        value = walk_path(self.body, segments)
        if (
            value is MISSING
            and not self.complete
            and (self.resource.derived or not self._is_listed(segments))
        ):
            if self.unread and self.body.get("properties"):
                return value
            read = segments[0] if is_listed(segments) else "properties"
            raise NotCollected(f"the {read} of {self.key}")
        return value

    def _is_listed(self, segments: Segments) -> bool:
        """Tell whether the body without properties says what is, or is not, at a path."""
        return is_listed(segments) and (segments[0] in _ALWAYS or segments[0] in self.folded_body)

    def peek(self, field: FieldPath) -> object:
        """The value of a field as `read`, which of a planned resource may be, or hold, an Unknown."""
        return self.read(field)

    def resolve_path_within(self, value: object, segments: Segments) -> object:
        """Follow segments without `[*]` from a part of the body; of a planned resource it may be, or hold, an Unknown."""
        return walk_path(value, segments)

    def collect(self, value: object, segments: Segments) -> list[object]:
        """Every value that a path with `[*]` selects below a part of the body; raises NotCollected where one is not known."""
        return gather_values(value, segments)

    def follow_to_elements(self, segments: Segments) -> object:
        """Follow segments to the list that a `[*]` goes over, as `at`; a text in a cut export may have been a list."""
        value = self.follow(segments)
        if self.unread and isinstance(value, str):
            raise NotCollected(describe_cut(segments, self.key))
        return value

    def _check_read(self, segments: Segments) -> None:
        """Raise NotCollected for a path at, above or below one that the export cut to text."""
        path = fold_segments(segments)
        for unread in self.unread:
            length = min(len(path), len(unread))
            if path[:length] == unread[:length] and unread in self.left_out:
                raise NotCollected(
                    f"{'.'.join(unread)} of {self.key} (Azure always has it: export the record whole)"
                )
            if path[:length] == unread[:length]:
                raise NotCollected(describe_cut(unread, self.key))


def _find_left_out_paths(resource: Resource) -> frozenset[tuple[str, ...]]:
    """The paths that Azure always has in a body of this type, and that an export with some properties left out."""
    properties = resource.body.get("properties")
    if resource.planned is not None or not isinstance(properties, dict):
        return frozenset()
    paths = list_constant_paths(resource.type, empty=not properties)
    return frozenset(one for one in paths if walk_path(resource.body, one) is MISSING)


def describe_cut(segments: Sequence[object], key: str) -> str:
    """Name a path of a resource that its export cut to text, as the `what` of a Gap."""
    return (
        f"{'.'.join(map(str, segments))} of {key} (cut to text by its export: export again with -Depth 100)"
    )


LISTED = frozenset(
    {"id", "name", "type", "location", "tags", "kind", "sku", "identity", "zones", "plan", "managedby"}
)


_ALWAYS = frozenset({"id", "name", "type"})


def is_listed(segments: Segments) -> bool:
    """Tell whether a listing without properties may carry what the path reads."""
    return bool(segments) and segments[0] in LISTED


def _is_same_type(stated: object, type_: str) -> bool:
    return isinstance(stated, str) and stated.lower() == type_


def _split_names(resource: Resource) -> tuple[object, object]:
    body = resource.body
    stated = body.get("name")
    name = stated.rsplit("/", 1)[-1] if isinstance(stated, str) and stated else resource.id.name or MISSING
    full = body.get("fullName") or body.get("fullname")
    if isinstance(full, str):
        return name, full
    identifier = body.get("id")
    spelled = (
        identifier
        if isinstance(identifier, str) and identifier.lower().rstrip("/") == resource.key
        else resource.key
    )
    parts = [part for part in spelled.split("/") if part]
    types = resource.type.count("/")
    if types < 2 or resource.type.startswith("microsoft.resources/") or len(parts) < 2 * types:
        return name, name
    return name, "/".join(parts[-2 * types + 1 :: 2])
