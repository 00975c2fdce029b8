"""Protobuf validation of CycloneDX, for which no schema exists."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Defect
from nephoscope.collect.sbom.cyclonedx.document import VERSIONS
from nephoscope.files.json_tree import Tree, get_text, list_trees


def find_message_defects(tree: Tree) -> tuple[Defect, ...]:
    """Return what is wrong: the version, parts without a name, citations that point at nothing or in two ways."""
    return (*_list_version_defects(tree), *_rename_defects(tree), *_list_citation_defects(tree))


def _list_version_defects(tree: Tree) -> Iterator[Defect]:
    version = get_text(tree, "specVersion")
    # a field that is not there has its default, which says nothing
    if version and version not in VERSIONS[3:]:
        yield Defect(
            "cyclonedx-version", "spec_version", f"{version[:20]!r} is no version that has protocol buffers"
        )


def _rename_defects(tree: Tree) -> Iterator[Defect]:
    for key in ("components", "services"):
        for number, one in enumerate(list_trees(tree, key)):
            if not get_text(one, "name"):
                yield Defect("cyclonedx-name", f"{key}[{number}]", "it has no name")


def _list_citation_defects(tree: Tree) -> Iterator[Defect]:
    """Since 1.7: what is cited is named by pointers or by expressions, and somebody or some process is cited."""
    for number, one in enumerate(list_trees(tree, "citations")):
        place = f"citations[{number}]"
        if ("pointers" in one) == ("expressions" in one):
            yield Defect("cyclonedx-citation", place, "it has either pointers or expressions")
        if not {"attributed_to", "attributedTo", "process"} & one.keys():
            yield Defect("cyclonedx-citation", place, "it has neither whom it is attributed to nor a process")
