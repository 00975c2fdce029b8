"""A bill of SPDX 2 out of the tree that its JSON is, which the other four encodings are turned into."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Bill, ListedComponent
from nephoscope.collect.sbom.spdx.spdx_validation import find_document_defects
from nephoscope.files.json_tree import Tree, get_list, get_text, list_texts, list_trees

#: What a field says that says nothing.
_NOTHING = frozenset({"", "NOASSERTION", "NONE"})

#: The purposes of packages as types of components.
_PURPOSES = {
    "APPLICATION": "application",
    "CONTAINER": "container",
    "DEVICE": "device",
    "FILE": "file",
    "FIRMWARE": "firmware",
    "FRAMEWORK": "framework",
    "LIBRARY": "library",
    "OPERATING_SYSTEM": "operating-system",
}

#: Relationships that say that the first needs the second, and those that say the reverse.
_NEEDS = frozenset({"DEPENDS_ON", "DYNAMIC_LINK", "STATIC_LINK", "HAS_PREREQUISITE"})
_NEEDED_BY = frozenset(
    {
        "BUILD_DEPENDENCY_OF",
        "DEPENDENCY_OF",
        "DEV_DEPENDENCY_OF",
        "OPTIONAL_DEPENDENCY_OF",
        "PREREQUISITE_FOR",
        "PROVIDED_DEPENDENCY_OF",
        "RUNTIME_DEPENDENCY_OF",
        "TEST_DEPENDENCY_OF",
    }
)

_CPE_TYPES = frozenset({"cpe22Type", "cpe23Type"})

Relation = tuple[str, str, str]


def parse_bill(tree: Tree, encoding: str) -> Bill:
    """Return the bill that a tree holds, with its defects."""
    relations = _read_relations(tree)
    described = {
        related
        for element, kind, related in relations
        if kind == "DESCRIBES" and element == get_text(tree, "SPDXID")
    }
    contained = {related for _, kind, related in relations if kind == "CONTAINS"}
    components = [_read_component(one) for one in list_trees(tree, "packages")]
    # what only holds the others is what the document is about
    subject = _find_subject(components, described, contained)
    return Bill(
        format="spdx",
        encoding=encoding,
        version=get_text(tree, "spdxVersion").removeprefix("SPDX-"),
        serial=get_text(tree, "documentNamespace"),
        time=get_text(tree, "creationInfo", "created"),
        author=next(iter(list_texts(tree, "creationInfo", "creators")), ""),
        subject=subject,
        components=tuple(components),
        dependencies=map_dependencies(relations),
        file_count=len(list_trees(tree, "files")),
        relationship_count=len(relations),
        defects=find_document_defects(tree),
    )


def _find_subject(
    components: list[ListedComponent], described: set[str], contained: set[str]
) -> ListedComponent | None:
    """Return the one component that a document describes and that nothing contains, None where there are several."""
    found = [one for one in components if one.reference in described and one.reference not in contained]
    return found[0] if len(found) == 1 else None


def _read_component(one: Tree) -> ListedComponent:
    references = list_trees(one, "externalRefs")
    concluded, declared = (
        strip_brackets(get_text(one, "licenseConcluded")),
        strip_brackets(get_text(one, "licenseDeclared")),
    )
    return ListedComponent(
        name=get_text(one, "name"),
        type=_PURPOSES.get(get_text(one, "primaryPackagePurpose"), "library"),
        version=get_text(one, "versionInfo"),
        reference=get_text(one, "SPDXID"),
        purls=tuple(
            get_text(each, "referenceLocator")
            for each in references
            if get_text(each, "referenceType") == "purl"
        ),
        cpes=tuple(
            get_text(each, "referenceLocator")
            for each in references
            if get_text(each, "referenceType") in _CPE_TYPES
        ),
        licenses=tuple(dict.fromkeys(text for text in (declared, concluded) if text not in _NOTHING)),
        license_declared=declared,
        license_concluded=concluded,
        supplier=get_text(one, "supplier").removesuffix(" ()").removesuffix("()"),
    )


def strip_brackets(text: str) -> str:
    """Return an expression of licenses without brackets around all of it."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closes_at_end(text):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str) -> bool:
    """Return whether the first bracket is closed by the last."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth:
            return place == len(text) - 1
    return False


def _read_relations(tree: Tree) -> list[Relation]:
    """Return the relationships, with those that older documents write as lists of what is described and contained."""
    found = [
        (
            get_text(one, "spdxElementId"),
            get_text(one, "relationshipType"),
            get_text(one, "relatedSpdxElement"),
        )
        for one in list_trees(tree, "relationships")
    ]
    known = set(found)
    for element, kind, related, reverse in _list_listed_relations(tree):
        if (element, kind, related) not in known and (related, reverse, element) not in known:
            found.append((element, kind, related))
            known.add((element, kind, related))
    return found


def _list_listed_relations(tree: Tree) -> Iterator[tuple[str, str, str, str]]:
    """Give element, relationship, other element and the word for the reverse."""
    document = get_text(tree, "SPDXID")
    for described in get_list(tree, "documentDescribes"):
        yield document, "DESCRIBES", str(described), "DESCRIBED_BY"
    for package in list_trees(tree, "packages"):
        for file in get_list(package, "hasFiles"):
            yield get_text(package, "SPDXID"), "CONTAINS", str(file), "CONTAINED_BY"


def map_dependencies(relations: list[Relation]) -> dict[str, tuple[str, ...]]:
    """Return what each element needs."""
    found: dict[str, dict[str, None]] = {}
    for element, kind, related in relations:
        if kind in _NEEDS:
            found.setdefault(element, {})[related] = None
        elif kind in _NEEDED_BY:
            found.setdefault(related, {})[element] = None
    return {element: tuple(needed) for element, needed in found.items()}
