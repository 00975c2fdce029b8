"""A bill of SPDX 3 out of the graph of its JSON-LD."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Bill, Defect, ListedComponent
from nephoscope.files.json_tree import Tree, get_list, get_text, list_trees

MOST_DEFECTS = 50

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
#: What a relationship and a software package must have.
_REQUIRED = {"software_Package": ("name",), "Relationship": ("from", "relationshipType")}
_PURPOSES = {
    "operatingSystem": "operating-system",
    "deviceDriver": "device-driver",
    "model": "machine-learning-model",
}
_TYPES = frozenset(
    {"application", "container", "data", "device", "file", "firmware", "framework", "library", "platform"}
)


def build_bill(document: Tree) -> Bill:
    """Return the bill that a document holds, with its defects."""
    objects = list(iterate_objects(document))
    licenses = {get_object_id(one): _read_expression(one) for one in objects if _read_expression(one)}
    relations = [one for one in objects if get_object_class(one).endswith("Relationship")]
    creation = next((one for one in objects if get_object_class(one) == "CreationInfo"), {})
    return Bill(
        format="spdx",
        encoding="json-ld",
        version=get_text(creation, "specVersion"),
        serial=next((get_object_id(one) for one in objects if get_object_class(one) == "SpdxDocument"), ""),
        time=get_text(creation, "created"),
        author=_find_author(creation, objects),
        components=tuple(_list_components(objects, _map_licenses(relations, licenses))),
        dependencies=_map_dependencies(relations),
        file_count=sum(get_object_class(one) == "software_File" for one in objects),
        relationship_count=len(relations),
        defects=tuple(_list_defects(document, objects))[:MOST_DEFECTS],
    )


def iterate_objects(document: Tree) -> Iterator[Tree]:
    """Give the objects of a graph, and those that stand inside of others."""
    waiting = list(reversed(list_trees(document, "@graph"))) or (
        [document] if get_object_class(document) else []
    )
    while waiting:
        one = waiting.pop()
        yield one
        for value in reversed(list(one.values())):
            inner = value if isinstance(value, list) else [value]
            waiting += [each for each in inner if isinstance(each, dict) and get_object_class(each)]


def get_object_class(one: Tree) -> str:
    """Return the class of an object, with an underscore between profile and name."""
    return (get_text(one, "type") or get_text(one, "@type")).replace("/", "_")


def get_object_id(one: Tree) -> str:
    """Return the identifier of an object."""
    return get_text(one, "spdxId") or get_text(one, "@id")


def _read_reference(value: object) -> str:
    """Return what a reference leads to: an identifier, or an object with one."""
    return get_object_id(value) if isinstance(value, dict) else value if isinstance(value, str) else ""


def _list_components(objects: list[Tree], licenses: dict[str, dict[str, str]]) -> Iterator[ListedComponent]:
    names = {get_object_id(one): get_text(one, "name") for one in objects}
    for one in objects:
        if get_object_class(one) != "software_Package":
            continue
        held = licenses.get(get_object_id(one), {})
        yield ListedComponent(
            name=get_text(one, "name"),
            type=_choose_component_type(one),
            version=get_text(one, "software_packageVersion"),
            reference=get_object_id(one),
            purls=tuple(_list_identifiers(one, "packageUrl", get_text(one, "software_packageUrl"))),
            cpes=(*_list_identifiers(one, "cpe23"), *_list_identifiers(one, "cpe22")),
            licenses=tuple(dict.fromkeys(held.values())),
            license_declared=held.get("hasDeclaredLicense", ""),
            license_concluded=held.get("hasConcludedLicense", ""),
            supplier=names.get(_read_reference(one.get("suppliedBy")), ""),
        )


def _choose_component_type(one: Tree) -> str:
    purpose = get_text(one, "software_primaryPurpose")
    purpose = _PURPOSES.get(purpose, purpose)
    return purpose if purpose in _TYPES or purpose in _PURPOSES.values() else "library"


def _list_identifiers(one: Tree, kind: str, first: str = "") -> Iterator[str]:
    """Give the identifiers of a kind, each once."""
    every = [
        get_text(each, "identifier")
        for each in list_trees(one, "externalIdentifier")
        if get_text(each, "externalIdentifierType") == kind
    ]
    yield from dict.fromkeys(filter(None, [first, *every]))


def _read_expression(one: Tree) -> str:
    """Return the expression, or the name, of an object that is a license."""
    if "icens" not in get_object_class(one):
        return ""
    return get_text(one, "simplelicensing_licenseExpression") or get_text(one, "name")


def _read_relation_kind(relation: Tree) -> str:
    return get_text(relation, "relationshipType")


def _list_targets(relation: Tree) -> list[str]:
    return [target for target in map(_read_reference, get_list(relation, "to")) if target]


def _map_licenses(relations: list[Tree], licenses: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the licenses of each element by the relationship that says so."""
    found: dict[str, dict[str, str]] = {}
    for one in relations:
        if _read_relation_kind(one) in {"hasDeclaredLicense", "hasConcludedLicense"}:
            for target in _list_targets(one):
                if target in licenses:
                    found.setdefault(_read_reference(one.get("from")), {})[_read_relation_kind(one)] = (
                        licenses[target]
                    )
    return found


def _map_dependencies(relations: list[Tree]) -> dict[str, tuple[str, ...]]:
    """Return what each element needs."""
    found: dict[str, dict[str, None]] = {}
    for one in relations:
        if _read_relation_kind(one) in {"dependsOn", "hasDynamicLink", "hasStaticLink", "hasPrerequisite"}:
            found.setdefault(_read_reference(one.get("from")), {}).update(dict.fromkeys(_list_targets(one)))
    return {element: tuple(needed) for element, needed in found.items()}


def _find_author(creation: Tree, objects: list[Tree]) -> str:
    names = {get_object_id(one): get_text(one, "name") for one in objects}
    return next(
        filter(None, (names.get(_read_reference(one), "") for one in get_list(creation, "createdBy"))), ""
    )


def _list_defects(document: Tree, objects: list[Tree]) -> Iterator[Defect]:
    """Give what a document does against the specification."""
    if "@context" not in document:
        yield Defect("spdx3-required", "/@context", "it has no @context")
    if not any(get_object_class(one) == "SpdxDocument" for one in objects):
        yield Defect("spdx3-required", "/@graph", "it has no SpdxDocument")
    for one in objects:
        yield from _list_object_defects(one)


def _list_object_defects(one: Tree) -> Iterator[Defect]:
    kind, identifier = get_object_class(one), get_object_id(one)
    place = identifier or kind
    if not kind:
        yield Defect("spdx3-required", place, "it has no type")
    if kind == "CreationInfo":
        yield from _list_creation_defects(one, place)
    elif bool(one.get("creationInfo")) != bool(get_text(one, "spdxId")):
        # what has an identity was created by somebody, and the other way round; parts of others have neither
        yield Defect(
            "spdx3-required",
            place,
            "it has no creationInfo" if get_text(one, "spdxId") else "it has no spdxId",
        )
    required = _REQUIRED["Relationship"] if kind.endswith("Relationship") else _REQUIRED.get(kind, ())
    for field in required:
        if not one.get(field):
            yield Defect("spdx3-required", place, f"it has no {field}")


def _list_creation_defects(one: Tree, place: str) -> Iterator[Defect]:
    if not get_text(one, "specVersion").startswith("3."):
        yield Defect("spdx3-version", place, f"{get_text(one, 'specVersion')[:20]!r} is no version 3")
    if not _TIME.fullmatch(get_text(one, "created")):
        yield Defect(
            "spdx3-time", place, f"{get_text(one, 'created')[:40]!r} is no time like 2026-01-31T23:59:59Z"
        )
    if not one.get("createdBy"):
        yield Defect("spdx3-required", place, "it has no createdBy")
