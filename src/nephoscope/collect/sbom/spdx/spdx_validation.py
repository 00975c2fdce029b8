"""Validate an SPDX 2 document: its required fields and permitted values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nephoscope.collect.sbom.bill_of_materials import Defect
from nephoscope.collect.sbom.text_word_sets import split_words
from nephoscope.files.json_tree import Tree, get_list, get_text, get_tree, list_trees

MOST_DEFECTS = 50

_VERSIONS = frozenset({"SPDX-2.0", "SPDX-2.1", "SPDX-2.2", "SPDX-2.3"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_IDENTIFIER = re.compile(r"(DocumentRef-[A-Za-z0-9.+\-]+:)?SPDXRef-[A-Za-z0-9.\-_+]+|NONE|NOASSERTION")
_CREATOR = re.compile(r"(Tool|Person|Organization): ?.+")

RELATIONSHIPS = split_words(
    """
    AMENDS ANCESTOR_OF BUILD_DEPENDENCY_OF BUILD_TOOL_OF CONTAINED_BY CONTAINS COPY_OF DATA_FILE_OF
    DEPENDENCY_MANIFEST_OF DEPENDENCY_OF DEPENDS_ON DESCENDANT_OF DESCRIBED_BY DESCRIBES DEV_DEPENDENCY_OF DEV_TOOL_OF
    DISTRIBUTION_ARTIFACT DOCUMENTATION_OF DYNAMIC_LINK EXAMPLE_OF EXPANDED_FROM_ARCHIVE FILE_ADDED FILE_DELETED
    FILE_MODIFIED GENERATED_FROM GENERATES HAS_PREREQUISITE METAFILE_OF OPTIONAL_COMPONENT_OF OPTIONAL_DEPENDENCY_OF
    OTHER PACKAGE_OF PATCH_APPLIED PATCH_FOR PREREQUISITE_FOR PROVIDED_DEPENDENCY_OF REQUIREMENT_DESCRIPTION_FOR
    RUNTIME_DEPENDENCY_OF SPECIFICATION_FOR STATIC_LINK TEST_CASE_OF TEST_DEPENDENCY_OF TEST_OF TEST_TOOL_OF VARIANT_OF
    """
)
_ALGORITHMS = split_words(
    """
    ADLER32 BLAKE2b-256 BLAKE2b-384 BLAKE2b-512 BLAKE2B-256 BLAKE2B-384 BLAKE2B-512 BLAKE3 MD2 MD4 MD5 MD6 SHA1 SHA224
    SHA256 SHA384 SHA512 SHA3-256 SHA3-384 SHA3-512
    """
)
_CATEGORIES = frozenset(
    {"OTHER", "PACKAGE-MANAGER", "PACKAGE_MANAGER", "PERSISTENT-ID", "PERSISTENT_ID", "SECURITY"}
)

#: What each part must have: the rule, the list that holds the parts, their required fields.
_REQUIRED = (
    ("packages", ("name", "SPDXID", "downloadLocation")),
    ("files", ("fileName", "SPDXID")),
    ("snippets", ("SPDXID", "snippetFromFile")),
    ("relationships", ("spdxElementId", "relationshipType", "relatedSpdxElement")),
    ("hasExtractedLicensingInfos", ("licenseId", "extractedText")),
)


def find_document_defects(tree: Tree) -> tuple[Defect, ...]:
    """Return what a document does against the specification, the first of them."""
    found: list[Defect] = []
    for defect in _find_defects(tree):
        found.append(defect)
        if len(found) == MOST_DEFECTS:
            break
    return tuple(found)


def _find_defects(tree: Tree) -> Iterator[Defect]:
    yield from _list_head_defects(tree)
    for key, required in _REQUIRED:
        for number, one in enumerate(get_list(tree, key)):
            yield from _find_missing_properties(one, f"/{key}/{number}", required)
    yield from _find_unknown_words(tree)
    yield from _find_doubled_identifiers(tree)


def _find_missing_properties(one: object, place: str, required: Iterable[str]) -> Iterator[Defect]:
    """Give what a part lacks; a list of texts lacks nothing."""
    if not isinstance(one, dict):
        yield Defect("spdx-shape", place, "it is no object")
        return
    for field in required:
        if not get_text(one, field) and not (isinstance(one.get(field), str) and field == "extractedText"):
            yield Defect("spdx-required", f"{place}/{field}", f"it has no {field}")


def _list_head_defects(tree: Tree) -> Iterator[Defect]:
    """Give what the document itself lacks or says wrong."""
    yield from _find_missing_properties(
        tree, "", ("spdxVersion", "SPDXID", "name", "documentNamespace", "dataLicense")
    )
    version = get_text(tree, "spdxVersion")
    if version and version not in _VERSIONS:
        yield Defect(
            "spdx-version", "/spdxVersion", f"{version[:40]!r} is none of {', '.join(sorted(_VERSIONS))}"
        )
    if "#" in get_text(tree, "documentNamespace"):
        yield Defect("spdx-namespace", "/documentNamespace", "a namespace of documents has no #")
    created = get_text(tree, "creationInfo", "created")
    if not _TIME.fullmatch(created):
        yield Defect(
            "spdx-time", "/creationInfo/created", f"{created[:40]!r} is no time like 2026-01-31T23:59:59Z"
        )
    creators = get_list(get_tree(tree, "creationInfo"), "creators")
    if not creators:
        yield Defect("spdx-required", "/creationInfo/creators", "it has no creators")
    for creator in creators:
        if not isinstance(creator, str) or not _CREATOR.fullmatch(creator.strip()):
            yield Defect(
                "spdx-creator",
                "/creationInfo/creators",
                f"{str(creator)[:80]!r} is no tool, person or organization",
            )


def _find_unknown_words(tree: Tree) -> Iterator[Defect]:
    """Give the words that the specification does not have."""
    for number, one in enumerate(list_trees(tree, "relationships")):
        kind = get_text(one, "relationshipType")
        if kind and kind not in RELATIONSHIPS:
            yield Defect(
                "spdx-word", f"/relationships/{number}/relationshipType", f"{kind[:80]!r} is no relationship"
            )
    for key in ("packages", "files"):
        for number, one in enumerate(list_trees(tree, key)):
            yield from _list_package_defects(one, f"/{key}/{number}")


def _list_package_defects(one: Tree, place: str) -> Iterator[Defect]:
    identifier = get_text(one, "SPDXID")
    if identifier and not _IDENTIFIER.fullmatch(identifier):
        yield Defect(
            "spdx-identifier", f"{place}/SPDXID", f"{identifier[:80]!r} does not begin with SPDXRef-"
        )
    for checksum in list_trees(one, "checksums"):
        algorithm = get_text(checksum, "algorithm")
        if algorithm not in _ALGORITHMS:
            yield Defect("spdx-word", f"{place}/checksums", f"{algorithm[:40]!r} is no algorithm")
    for reference in list_trees(one, "externalRefs"):
        category = get_text(reference, "referenceCategory")
        if category not in _CATEGORIES:
            yield Defect(
                "spdx-word", f"{place}/externalRefs", f"{category[:40]!r} is no category of references"
            )
        yield from _find_missing_properties(
            reference, f"{place}/externalRefs", ("referenceType", "referenceLocator")
        )


def _find_doubled_identifiers(tree: Tree) -> Iterator[Defect]:
    """Give the identifiers that two parts have."""
    seen: set[str] = set()
    for key in ("packages", "files", "snippets"):
        for one in list_trees(tree, key):
            identifier = get_text(one, "SPDXID")
            if identifier in seen:
                yield Defect("spdx-identifier", f"/{key}", f"{identifier[:80]} is defined twice")
            if identifier:
                seen.add(identifier)
