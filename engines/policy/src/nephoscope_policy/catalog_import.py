"""Catalog import: read policy documents of any published shape, with a reason for each that is rejected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.arm_object import ArmObject, make_error
from nephoscope_policy.catalog_entry import CALLS, TYPES, CatalogEntry, ContentProblem, Kind, digest
from nephoscope_policy.definition import Definition
from nephoscope_policy.documents import ContentError
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.initiative import Initiative
from nephoscope_policy.model.resource import UNREAD, list_unread_paths
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.resource_view import describe_cut
from nephoscope_policy.version import FIRST, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy.documents import ContentDocument

PUBLIC_CLOUD = "AzureCloud"
GOVERNMENT_CLOUD = "AzureUSGovernment"
#: The folder in which the public policy repository keeps the copies for the other cloud.
GOVERNMENT_FOLDER = "azure government"
NOT_POLICY = "not a policy definition or initiative (neither 'policyRule' nor 'policyDefinitions')"
_CALL = re.compile(rb"\b(%s)\s*\(" % "|".join(CALLS).encode())
_LABELS = (
    ("displayname",),
    ("description",),
    ("metadata",),
    ("version",),
    ("versions",),
    ("policydefinitiongroups",),
)
_DETAILS = ("properties", "policyrule", "then", "details")
_OUTER = ("id", "name", "type")


class CatalogIntake:
    """Collects entries and problems; a document of the other cloud, a duplicate and a conflict are problems with their place."""

    def __init__(self, cloud: str = PUBLIC_CLOUD) -> None:
        self.entries: list[CatalogEntry] = []
        self.problems: list[ContentProblem] = []
        self.files = 0
        self._government = cloud == GOVERNMENT_CLOUD
        self._seen: dict[tuple[Kind, str, Version], CatalogEntry] = {}
        self._copies: list[tuple[object, Place]] = []

    def add(self, document: ContentDocument) -> None:
        """Take one file."""
        self.files += 1
        place = document.place
        try:
            value = document.json()
        except ContentError as error:
            self.problems.append(ContentProblem(error.place, error.message))
            return
        folders = re.split(r"[/\\]", place.file.lower())
        if (GOVERNMENT_FOLDER in folders) != self._government:
            self._copies.append((value, place))
        else:
            self.add_document(value, place)

    def finish(self) -> None:
        """Settle the copies for other clouds: what has no original of its own is taken, the rest is named."""
        for value, place in self._copies:
            bodies = [body for body, _ in iterate_bodies(value)]
            if self._government and bodies and not any(self._is_original(body, place) for body in bodies):
                self.add_document(value, place)
            else:
                self.problems.append(
                    ContentProblem(place, "a copy for another cloud (folder 'Azure Government')", error=False)
                )
        self._copies.clear()

    def add_document(self, value: object, place: Place) -> None:
        """Take the definitions and initiatives of one parsed document."""
        found = False
        for body, path in iterate_bodies(value):
            found = True
            where = Place(place.file, place.line, place.column, path)
            try:
                self._keep_entry(build_entry(body, where))
            except PolicyError as error:
                self.problems.append(
                    ContentProblem(Place(place.file, path=_join_paths(path, error.path)), error.message)
                )
        if not found:
            self.problems.append(ContentProblem(place, NOT_POLICY, error=False))

    def _keep_entry(self, entry: CatalogEntry) -> None:
        key = (entry.kind, entry.id, entry.version)
        known = self._seen.setdefault(key, entry)
        if known is entry:
            self.entries.append(entry)
            if entry.fault:
                self.problems.append(ContentProblem(entry.place, entry.fault))
        else:
            self.problems.append(describe_conflict(entry, known))

    def _is_original(self, body: dict[str, object], place: Place) -> bool:
        kind, id_, _, version, _ = _read_identity(body, place)
        return (kind, id_, version) in self._seen


def describe_conflict(entry: CatalogEntry, known: CatalogEntry) -> ContentProblem:
    """Return what to say of an entry whose id and version is held already: a plain duplicate, or another text under
    the same version."""
    if entry.digest == known.digest:
        return ContentProblem(entry.place, f"a duplicate of {known.place}", error=False)
    return ContentProblem(
        entry.place,
        f"version {entry.version} of {entry.id} is already held from {known.place}, with another text",
    )


def iterate_bodies(value: object) -> Iterator[tuple[dict[str, object], str]]:
    """The policy documents in a JSON value, in the ARM envelope, each with its path.

    Read are an ARM body, a bare `properties` object, what the command line prints (the properties beside id and name), an array of
    these, and a list answer (`{"value": [...]}`).
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from (
                (body, f"[{index}]{path}") for body, path in iterate_bodies(item) if not path.startswith("[")
            )
        return
    if not isinstance(value, dict):
        return
    lowered = {key.lower(): key for key in value}
    if UNREAD in value and _read_kind_from_id(value) is not None:
        yield value, ""
    elif isinstance(value.get(lowered.get("properties", "")), dict):
        if _holds_policy(value[lowered["properties"]]):
            yield value, ""
    elif _holds_policy(value):
        outer = {key: value[lowered[key]] for key in _OUTER if key in lowered}
        yield (
            {**outer, "properties": {key: item for key, item in value.items() if key.lower() not in _OUTER}},
            "",
        )
    elif isinstance(value.get(lowered.get("value", "")), list):
        yield from ((body, f"value{path}") for body, path in iterate_bodies(value[lowered["value"]]))


def build_entry(body: dict[str, object], place: Place) -> CatalogEntry:
    """The entry of a document in the ARM envelope; its `fault` says why it cannot be used.

    PolicyError when even its id, name or version cannot be read.
    """
    kind, id_, name, version, stated = _read_identity(body, place)
    data = msgspec.json.encode({**body, "id": id_, "name": name})
    properties = ArmObject(body).get_child("properties")
    types: frozenset[str] | None = frozenset()
    related: frozenset[str] = frozenset()
    wide = False
    trouble = ""
    try:
        if kind == "initiative":
            Initiative.parse(body, place)
        else:
            definition = Definition.parse(body, place)
            types = definition.types
            related, wide = _collect_lookups(definition)
            definition.require_details()
    except PolicyError as error:
        trouble = f"{error.path}: {error.message}"
    unread = _describe_unread_file(body, id_, whole=bool(trouble))
    if unread and trouble:
        trouble, types, related = "", frozenset(), frozenset()
    return CatalogEntry(
        kind=kind,
        id=id_,
        name=name,
        display_name=properties.get_text("displayName"),
        version=version,
        types=types,
        related_types=related,
        digest=digest(data),
        place=place,
        data=data,
        static=properties.get_text("policyType").lower() == "static",
        wide=wide,
        calls=_list_calls(properties),
        stated_id=stated,
        fault=trouble,
        unread=unread,
    )


def _describe_unread_file(body: dict[str, object], id_: str, *, whole: bool) -> str:
    """Name a path that an export cut of a definition or initiative and that decides what it judges; any path with `whole`."""
    paths = (path for path in sorted(list_unread_paths(body)) if whole or _decides(path))
    return next((describe_cut(path, id_) for path in paths), "")


def _decides(path: tuple[str, ...]) -> bool:
    """Return whether a path of the envelope decides what is judged: not texts, nor what a remediation deploys."""
    if path[:1] != ("properties",) or path[1:2] in _LABELS:
        return False
    if path[1:2] == ("parameters",):
        return path[3:4] not in (("metadata",), ("allowedvalues",))
    return path[:4] != _DETAILS or path[4:5] not in (("deployment",), ("roledefinitionids",))


def _read_identity(body: dict[str, object], place: Place) -> tuple[Kind, str, str, Version, bool]:
    document = ArmObject(body)
    properties = document.get_child("properties")
    listed = properties.get_value("policyDefinitions") is not None
    kind: Kind = "initiative" if listed or _read_kind_from_id(body) == "initiative" else "definition"
    id_ = document.get_text("id").strip().rstrip("/").lower()
    name = (document.get_text("name") or id_.rsplit("/", 1)[-1] or _find_stem(place)).lower()
    stated = id_.startswith("/")
    if not stated:
        id_ = f"/providers/{TYPES[kind]}/{name}"
    return kind, id_, name, _read_version(properties), stated


def _read_version(properties: ArmObject) -> Version:
    """The stated version, else the metadata's (older documents), else Azure's first one for a custom definition."""
    for source in (properties, properties.get_child("metadata")):
        text = source.get_value("version")
        if isinstance(text, str) and text:
            try:
                return Version.parse(text)
            except ValueError as error:
                if source is properties:
                    raise make_error(str(error), source.build_path("version")) from error
    return FIRST


def _collect_lookups(definition: Definition) -> tuple[frozenset[str], bool]:
    """The types that the effect looks up, and whether it may look outside the resource group of the evaluated resource."""
    existence = definition.tree.then.existence
    if existence is None:
        return frozenset(), False
    wide = existence.scope is not None or existence.resource_group is not None
    return definition.related_types or frozenset({"*"}), wide


def _list_calls(properties: ArmObject) -> frozenset[str]:
    """The impure functions that the rule names anywhere but in the template that a remediation would deploy."""
    rule = ArmObject(properties.get_value("policyRule") or {})
    then = rule.get_child("then")
    details = then.get_value("details")
    if isinstance(details, dict):
        details = {key: value for key, value in details.items() if key.lower() != "deployment"}
    text = msgspec.json.encode(
        [rule.get_value("if"), then.get_value("effect"), details, properties.get_value("parameters")]
    )
    return frozenset(match.decode() for match in _CALL.findall(text.lower()))


def _holds_policy(properties: dict[str, object]) -> bool:
    return any(key.lower() in ("policyrule", "policydefinitions") for key in properties)


def _read_kind_from_id(body: dict[str, object]) -> Kind | None:
    """The kind that the id of a document says, None where it says none."""
    id_ = f"/{body.get('id') or ''}".lower()
    return next((kind for kind, type_ in TYPES.items() if f"/{type_}/" in id_), None)


def _find_stem(place: Place) -> str:
    return re.split(r"[/\\]", place.file)[-1].removesuffix(".json")


def _join_paths(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer and inner else outer or inner
