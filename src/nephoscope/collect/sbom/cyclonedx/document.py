"""A bill of CycloneDX out of the tree that its JSON is, which the other two encodings are turned into."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import (
    Bill,
    ComponentOrigin,
    Defect,
    ListedComponent,
    Rating,
    Service,
    Vulnerability,
)
from nephoscope.collect.sbom.cyclonedx.vex_statements import list_statements
from nephoscope.collect.sbom.nephoscope_properties import OWN
from nephoscope.files.json_tree import Tree, get_list, get_text, get_tree, list_texts, list_trees

#: The versions of the specification that are read.
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7")


def parse_bill(tree: Tree, encoding: str, defects: tuple[Defect, ...]) -> Bill:
    """Return the bill that a tree holds."""
    components = tuple(_list_components(tree, ""))
    subject = get_tree(tree, "metadata", "component")
    vulnerabilities = tuple(_read_vulnerability(one) for one in list_trees(tree, "vulnerabilities"))
    described = _read_component(subject, "") if subject else None
    author = _find_author(get_tree(tree, "metadata"))
    time = get_text(tree, "metadata", "timestamp")
    tool = _find_tool(get_tree(tree, "metadata"))
    return Bill(
        format="cyclonedx",
        encoding=encoding,
        version=get_text(tree, "specVersion"),
        serial=get_text(tree, "serialNumber"),
        time=time,
        author=author,
        tool=get_text(tool, "name"),
        tool_version=get_text(tool, "version"),
        subject=described,
        components=components,
        services=_list_services(tree),
        dependencies=_read_dependencies(tree),
        vulnerabilities=vulnerabilities,
        statements=list_statements(vulnerabilities, _map_product_names(components, described), author, time),
        defects=defects,
    )


def _map_product_names(
    components: tuple[ListedComponent, ...], subject: ListedComponent | None
) -> dict[str, str]:
    """Return the package URL, or the name, of each reference."""
    every = [*components, *([subject] if subject else [])]
    return {one.reference: one.purl or one.name for one in every if one.reference}


def _list_components(tree: Tree, parent: str) -> Iterator[ListedComponent]:
    """Give the components of a tree and those inside of them, outer ones first."""
    waiting = [(one, parent) for one in reversed(list_trees(tree, "components"))]
    while waiting:
        one, holder = waiting.pop()
        component = _read_component(one, holder)
        yield component
        waiting += [(inner, component.reference) for inner in reversed(list_trees(one, "components"))]


def _read_component(one: Tree, parent: str) -> ListedComponent:
    purl = get_text(one, "purl")
    # a component has one name of CPE in the format: the others stand in our properties
    more = [
        get_text(each, "value")
        for each in list_trees(one, "properties")
        if get_text(each, "name") == f"{OWN}cpe"
    ]
    return ListedComponent(
        name=get_text(one, "name"),
        type=get_text(one, "type") or "library",
        group=get_text(one, "group"),
        version=get_text(one, "version"),
        reference=get_text(one, "bom-ref"),
        parent=parent,
        purls=(purl,) if purl else (),
        cpes=tuple(filter(None, (get_text(one, "cpe"), *more))),
        licenses=tuple(_list_licenses(one)),
        supplier=get_text(one, "supplier", "name"),
        scope=get_text(one, "scope"),
        found=_read_origin(one),
    )


def _list_licenses(one: Tree) -> Iterator[str]:
    """Give the identifiers, expressions and names of licenses."""
    for choice in list_trees(one, "licenses"):
        text = (
            get_text(choice, "expression")
            or get_text(choice, "license", "id")
            or get_text(choice, "license", "name")
        )
        if text:
            yield text


def _read_origin(one: Tree) -> ComponentOrigin:
    """Return where a component was found, by what this product and other scanners write beside it."""
    properties = {get_text(each, "name"): get_text(each, "value") for each in list_trees(one, "properties")}
    path = (
        properties.get(f"{OWN}path")
        or properties.get("syft:location:0:path")
        or properties.get("aquasecurity:trivy:FilePath")
        or next(iter(get_text(each, "location") for each in list_trees(one, "evidence", "occurrences")), "")
    )
    line = properties.get(f"{OWN}line", "")
    layer = properties.get(f"{OWN}layer") or properties.get("syft:location:0:layerID")
    groups = properties.get(f"{OWN}groups", "")
    relationship = properties.get(f"{OWN}relationship", "")
    return ComponentOrigin(
        path=path or "",
        line=int(line) if line.isascii() and line.isdigit() and len(line) < 10 else 0,
        layer=layer or properties.get("aquasecurity:trivy:LayerDiffID", ""),
        groups=tuple(groups.split(",")) if groups else (),
        is_development=properties.get(f"{OWN}development") == "true"
        or properties.get("cdx:npm:package:development") == "true",
        constraint=properties.get(f"{OWN}constraint", ""),
        relationship="declared"
        if relationship == "declared"
        else "transitive"
        if relationship == "transitive"
        else "",
    )


def _list_services(tree: Tree) -> tuple[Service, ...]:
    """Return the services right inside of a tree, which is bounded in depth."""
    return tuple(
        Service(
            name=get_text(one, "name"),
            group=get_text(one, "group"),
            version=get_text(one, "version"),
            reference=get_text(one, "bom-ref"),
            endpoints=tuple(list_texts(one, "endpoints")),
            services=_list_services(one),
        )
        for one in list_trees(tree, "services")
    )


def _read_dependencies(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return what each reference needs; references that need nothing are left out."""
    found: dict[str, list[str]] = {}
    for one in list_trees(tree, "dependencies"):
        needed = list_texts(one, "dependsOn")
        if needed:
            found.setdefault(get_text(one, "ref"), []).extend(needed)
    return {reference: tuple(dict.fromkeys(needed)) for reference, needed in found.items()}


def _read_vulnerability(one: Tree) -> Vulnerability:
    ratings = list_trees(one, "ratings")
    affects = list_trees(one, "affects")
    return Vulnerability(
        id=get_text(one, "id"),
        aliases=tuple(filter(None, (get_text(each, "id") for each in list_trees(one, "references")))),
        source=get_text(one, "source", "name"),
        description=get_text(one, "description"),
        severity=next(filter(None, (get_text(each, "severity") for each in ratings)), ""),
        ratings=tuple(Rating(get_text(each, "severity"), _read_score(each)) for each in ratings),
        vectors=tuple(filter(None, (get_text(each, "vector") for each in ratings))),
        weaknesses=tuple(f"CWE-{each}" for each in get_list(one, "cwes") if isinstance(each, int)),
        published=get_text(one, "published"),
        updated=get_text(one, "updated"),
        state=get_text(one, "analysis", "state"),
        justification=get_text(one, "analysis", "justification"),
        responses=tuple(list_texts(one, "analysis", "response")),
        detail=get_text(one, "analysis", "detail"),
        recommendation=get_text(one, "recommendation"),
        affects=tuple(get_text(each, "ref") for each in affects),
        ranges={get_text(each, "ref"): text for each in affects if (text := _format_affected_range(each))},
    )


def _format_affected_range(affected: Tree) -> str:
    """Return the affected versions of one target as it writes them: a `vers` range, or versions with commas between."""
    every = [one for one in list_trees(affected, "versions") if get_text(one, "status") in {"", "affected"}]
    ranges = [get_text(one, "range") for one in every if get_text(one, "range")]
    return (
        ranges[0]
        if len(ranges) == 1 and len(every) == 1
        else ",".join(filter(None, (get_text(one, "version") for one in every)))
    )


def _read_score(rating: Tree) -> float | None:
    score = rating.get("score")
    return float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None


def _find_tool(metadata: Tree) -> Tree:
    """Return the first tool: of a list up to version 1.4, of an object with components since."""
    tools = list_trees(metadata, "tools") or list_trees(metadata, "tools", "components")
    return tools[0] if tools else {}


def _find_author(metadata: Tree) -> str:
    """Return who wrote a bill: the first author, or the organization."""
    authors = [get_text(one, "name") for one in list_trees(metadata, "authors")]
    return next(
        filter(
            None,
            [*authors, get_text(metadata, "manufacturer", "name"), get_text(metadata, "supplier", "name")],
        ),
        "",
    )
