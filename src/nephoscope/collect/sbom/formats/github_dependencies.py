"""A submission of dependencies to GitHub: a snapshot of manifests with their resolved packages."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Bill, ComponentOrigin, Defect, ListedComponent
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.files.json_tree import Tree, get_text, get_tree, list_texts, list_trees
from nephoscope.model import package_url
from nephoscope.model.package import Relationship
from nephoscope.model.package_url import PackageUrlError

TITLE = "GitHub dependency submission"
PRECEDENCE = 16

_RELATIONSHIPS: dict[str, Relationship] = {"direct": "declared", "indirect": "transitive"}


def recognizes(file: SbomFile) -> bool:
    """Return whether it is a JSON object with manifests and the detector that found them."""
    return '"detector"' in file.text and file.claims_json("manifests") and "detector" in file.document


def read(file: SbomFile) -> Bill:
    """Read the packages of each manifest; a package of two manifests stands twice."""
    document = file.document
    found = list(_list_packages(document))
    return Bill(
        format="github",
        encoding="json",
        version=get_text(document, "version"),
        serial=get_text(document, "sha"),
        time=get_text(document, "scanned"),
        author=get_text(document, "detector", "name"),
        components=tuple(component for component, _ in found),
        dependencies={component.reference: needed for component, needed in found if needed},
        defects=tuple(_list_defects(document)),
    )


def _list_manifests(document: Tree) -> Iterator[tuple[str, Tree]]:
    """Give name and content of each manifest."""
    manifests = get_tree(document, "manifests")
    return ((name, one) for name, one in manifests.items() if isinstance(one, dict))


def _list_packages(document: Tree) -> Iterator[tuple[ListedComponent, tuple[str, ...]]]:
    """Give components with the references of what they need."""
    for name, manifest in _list_manifests(document):
        path = get_text(manifest, "file", "source_location") or get_text(manifest, "name") or name
        resolved = get_tree(manifest, "resolved")
        for key in resolved:
            one = get_tree(resolved, key)
            purl = get_text(one, "package_url")
            needed = tuple(f"{name}#{each}" for each in list_texts(one, "dependencies"))
            yield _build_component(f"{name}#{key}", key, purl, path, one), needed


def _build_component(reference: str, key: str, purl: str, path: str, one: Tree) -> ListedComponent:
    try:
        url = package_url.split_package_url(purl)
    except PackageUrlError:
        url = None
    return ListedComponent(
        name=url.name if url else key,
        group=url.namespace if url else "",
        version=url.version if url else "",
        reference=reference,
        purls=(purl,) if purl else (),
        found=ComponentOrigin(
            path=path,
            is_development=get_text(one, "scope") == "development",
            relationship=_RELATIONSHIPS.get(get_text(one, "relationship"), ""),
        ),
    )


def _list_defects(document: Tree) -> Iterator[Defect]:
    """Give what a submission lacks, and the package URLs that are none."""
    for key in ("version", "sha", "ref", "scanned"):
        if not get_text(document, key):
            yield Defect("github-required", f"/{key}", f"it has no {key}")
    for name, manifest in _list_manifests(document):
        for key, one in get_tree(manifest, "resolved").items():
            purl = get_text(one, "package_url")
            try:
                package_url.split_package_url(purl)
            except PackageUrlError as error:
                yield Defect("github-package-url", f"/manifests/{name[:80]}/resolved/{key[:80]}", str(error))
    if not list_trees({"manifests": list(get_tree(document, "manifests").values())}, "manifests"):
        yield Defect("github-required", "/manifests", "it has no manifests")
