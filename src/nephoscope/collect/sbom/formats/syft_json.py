"""The JSON of Syft."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Bill, ComponentOrigin, Defect, ListedComponent
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.files.json_tree import Tree, list_of, text_of, tree_of, trees_of

TITLE = "Syft JSON"
PRECEDENCE = 14


def claims(file: SbomFile) -> bool:
    """Return whether it is a JSON object with artifacts and a descriptor."""
    return '"descriptor"' in file.text and file.claims_json("artifacts") and "descriptor" in file.document


def read(file: SbomFile) -> Bill:
    """Read artifacts, the distribution and what depends on what."""
    document = file.document
    artifacts = trees_of(document, "artifacts")
    return Bill(
        format="syft",
        encoding="json",
        version=text_of(document, "schema", "version"),
        author=" ".join(
            filter(
                None, (text_of(document, "descriptor", "name"), text_of(document, "descriptor", "version"))
            )
        ),
        subject=_read_subject(tree_of(document, "source")),
        components=(*_list_distribution(tree_of(document, "distro")), *map(_read_component, artifacts)),
        dependencies=_read_dependencies(document),
        file_count=len(trees_of(document, "files")),
        relationship_count=len(list_of(document, "artifactRelationships")),
        defects=tuple(_list_defects(document)),
    )


def _read_subject(source: Tree) -> ListedComponent | None:
    name = text_of(source, "name") or text_of(source, "target") or text_of(source, "metadata", "userInput")
    return (
        ListedComponent(
            name=name, type="application", version=text_of(source, "version"), reference=text_of(source, "id")
        )
        if name
        else None
    )


def _list_distribution(distro: Tree) -> Iterator[ListedComponent]:
    name = text_of(distro, "id") or text_of(distro, "name")
    if name:
        yield ListedComponent(
            name=name,
            type="operating-system",
            version=text_of(distro, "versionID") or text_of(distro, "version"),
        )


def _read_component(one: Tree) -> ListedComponent:
    purl = text_of(one, "purl")
    location: Tree = next(iter(trees_of(one, "locations")), {})
    return ListedComponent(
        name=text_of(one, "name"),
        version=text_of(one, "version"),
        reference=text_of(one, "id"),
        purls=(purl,) if purl else (),
        cpes=tuple(
            filter(
                None, (cpe if isinstance(cpe, str) else text_of(cpe, "cpe") for cpe in list_of(one, "cpes"))
            )
        ),
        licenses=tuple(filter(None, map(_read_license, list_of(one, "licenses")))),
        found=ComponentOrigin(path=text_of(location, "path").lstrip("/"), layer=text_of(location, "layerID")),
    )


def _read_license(one: object) -> str:
    """Return a license: a text in older documents, an object with an expression or a value in newer ones."""
    return one if isinstance(one, str) else text_of(one, "spdxExpression") or text_of(one, "value")


def _read_dependencies(document: Tree) -> dict[str, tuple[str, ...]]:
    """Return what each artifact needs: a relationship leads from what is needed to what needs it."""
    found: dict[str, dict[str, None]] = {}
    for one in trees_of(document, "artifactRelationships"):
        if text_of(one, "type") == "dependency-of":
            found.setdefault(text_of(one, "child"), {})[text_of(one, "parent")] = None
    return {needing: tuple(needed) for needing, needed in found.items()}


def _list_defects(document: Tree) -> Iterator[Defect]:
    for number, one in enumerate(list_of(document, "artifacts")):
        if not isinstance(one, dict) or not text_of(one, "name"):
            yield Defect("syft-artifact", f"/artifacts/{number}", "the artifact has no name")
