"""The JSON of Syft."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Bill, ComponentOrigin, Defect, ListedComponent
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.files.json_tree import Tree, get_list, get_text, get_tree, list_trees

TITLE = "Syft JSON"
PRECEDENCE = 14


def recognizes(file: SbomFile) -> bool:
    """Return whether it is a JSON object with artifacts and a descriptor."""
    return '"descriptor"' in file.text and file.claims_json("artifacts") and "descriptor" in file.document


def read(file: SbomFile) -> Bill:
    """Read artifacts, the distribution and what depends on what."""
    document = file.document
    artifacts = list_trees(document, "artifacts")
    return Bill(
        format="syft",
        encoding="json",
        version=get_text(document, "schema", "version"),
        author=" ".join(
            filter(
                None, (get_text(document, "descriptor", "name"), get_text(document, "descriptor", "version"))
            )
        ),
        subject=_read_subject(get_tree(document, "source")),
        components=(*_list_distribution(get_tree(document, "distro")), *map(_read_component, artifacts)),
        dependencies=_read_dependencies(document),
        file_count=len(list_trees(document, "files")),
        relationship_count=len(get_list(document, "artifactRelationships")),
        defects=tuple(_list_defects(document)),
    )


def _read_subject(source: Tree) -> ListedComponent | None:
    name = get_text(source, "name") or get_text(source, "target") or get_text(source, "metadata", "userInput")
    return (
        ListedComponent(
            name=name,
            type="application",
            version=get_text(source, "version"),
            reference=get_text(source, "id"),
        )
        if name
        else None
    )


def _list_distribution(distro: Tree) -> Iterator[ListedComponent]:
    name = get_text(distro, "id") or get_text(distro, "name")
    if name:
        yield ListedComponent(
            name=name,
            type="operating-system",
            version=get_text(distro, "versionID") or get_text(distro, "version"),
        )


def _read_component(one: Tree) -> ListedComponent:
    purl = get_text(one, "purl")
    location: Tree = next(iter(list_trees(one, "locations")), {})
    return ListedComponent(
        name=get_text(one, "name"),
        version=get_text(one, "version"),
        reference=get_text(one, "id"),
        purls=(purl,) if purl else (),
        cpes=tuple(
            filter(
                None, (cpe if isinstance(cpe, str) else get_text(cpe, "cpe") for cpe in get_list(one, "cpes"))
            )
        ),
        licenses=tuple(filter(None, map(_read_license, get_list(one, "licenses")))),
        found=ComponentOrigin(
            path=get_text(location, "path").lstrip("/"), layer=get_text(location, "layerID")
        ),
    )


def _read_license(one: object) -> str:
    """Return a license: a text in older documents, an object with an expression or a value in newer ones."""
    return one if isinstance(one, str) else get_text(one, "spdxExpression") or get_text(one, "value")


def _read_dependencies(document: Tree) -> dict[str, tuple[str, ...]]:
    """Return what each artifact needs: a relationship leads from what is needed to what needs it."""
    found: dict[str, dict[str, None]] = {}
    for one in list_trees(document, "artifactRelationships"):
        if get_text(one, "type") == "dependency-of":
            found.setdefault(get_text(one, "child"), {})[get_text(one, "parent")] = None
    return {needing: tuple(needed) for needing, needed in found.items()}


def _list_defects(document: Tree) -> Iterator[Defect]:
    for number, one in enumerate(get_list(document, "artifacts")):
        if not isinstance(one, dict) or not get_text(one, "name"):
            yield Defect("syft-artifact", f"/artifacts/{number}", "the artifact has no name")
