"""Bill of materials: components, services, dependencies, vulnerabilities, statements and errors."""

from __future__ import annotations

import msgspec

from nephoscope.model import package_url
from nephoscope.model.package import Package, Relationship
from nephoscope.model.package_url import PackageUrlError
from nephoscope.model.package_url_conversion import from_package_url
from nephoscope.model.vex import VexStatement

#: Types of components that are software; the others are files, data, hardware and keys.
SOFTWARE_TYPES = frozenset(
    {"application", "container", "device-driver", "firmware", "framework", "library", "platform"}
)


class UnreadableBillError(ValueError):
    """A document that cannot be read: what is wrong, with the 1-based line where it is known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class Defect(msgspec.Struct, frozen=True):
    """Violation of its standard by a document: the broken rule, the path to the place, and a sentence."""

    rule: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.place or 'the document'}: {self.message}"


class ComponentOrigin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Origin of a component in the scanned root, with the meaning of the fields of `Package`."""

    path: str = ""
    line: int = 0
    layer: str = ""
    groups: tuple[str, ...] = ()
    is_development: bool = False
    relationship: Relationship = ""
    constraint: str = ""


class ListedComponent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part that a bill lists.

    `type` is CycloneDX's word for it (library, application, operating-system, file ...). `reference` is its identifier in the
    document, `parent` that of the component that holds it. `licenses` are identifiers, expressions or names.
    """

    name: str
    type: str = "library"
    group: str = ""
    version: str = ""
    reference: str = ""
    parent: str = ""
    purls: tuple[str, ...] = ()
    cpes: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    license_declared: str = ""
    license_concluded: str = ""
    supplier: str = ""
    scope: str = ""
    found: ComponentOrigin = ComponentOrigin()

    @property
    def purl(self) -> str:
        """Return the first package URL, '' when it has none."""
        return self.purls[0] if self.purls else ""


class Service(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A service that a bill lists, with those inside of it."""

    name: str
    group: str = ""
    version: str = ""
    reference: str = ""
    endpoints: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()


class Rating(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rating of a vulnerability: a severity word of the format and a base score (None where there is none)."""

    severity: str = ""
    score: float | None = None


class Vulnerability(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A vulnerability that a bill tells of, with the analysis in the words of its format; `affects` are references.

    `severity` is the first one that a rating gives.
    """

    id: str
    aliases: tuple[str, ...] = ()
    source: str = ""
    description: str = ""
    severity: str = ""
    ratings: tuple[Rating, ...] = ()
    vectors: tuple[str, ...] = ()
    weaknesses: tuple[str, ...] = ()
    published: str = ""
    updated: str = ""
    state: str = ""
    justification: str = ""
    responses: tuple[str, ...] = ()
    detail: str = ""
    recommendation: str = ""
    affects: tuple[str, ...] = ()
    ranges: dict[str, str] = {}


class Bill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document that was read; one with `defects` is not valid by its own standard.

    `format` is cyclonedx, spdx, csaf, openvex, syft or github; `encoding` json, xml, yaml, tag-value, rdf, json-ld or protobuf.
    `dependencies` maps a reference to the references that it needs. `tool` is the program that wrote it, the first where several did.
    """

    format: str
    encoding: str
    version: str = ""
    serial: str = ""
    time: str = ""
    author: str = ""
    tool: str = ""
    tool_version: str = ""
    subject: ListedComponent | None = None
    components: tuple[ListedComponent, ...] = ()
    services: tuple[Service, ...] = ()
    dependencies: dict[str, tuple[str, ...]] = {}
    vulnerabilities: tuple[Vulnerability, ...] = ()
    statements: tuple[VexStatement, ...] = ()
    file_count: int = 0
    relationship_count: int = 0
    defects: tuple[Defect, ...] = ()

    def packages(self) -> list[Package]:
        """Return the software among the components as packages; those without a package URL have the type `generic`.

        What the document is about is none of them, unless it has a package URL.
        """
        names = {one.reference: _choose_needed_name(one) for one in self.components if one.reference}
        release = {one.name.lower(): one.version for one in self.components if one.type == "operating-system"}
        return [
            self._build_package(one, names, release)
            for one in self.components
            if one.type in SOFTWARE_TYPES and (one.purl or (one.name and one != self.subject))
        ]

    def _build_package(
        self, component: ListedComponent, names: dict[str, str], release: dict[str, str]
    ) -> Package:
        """Return a component as a package, with the names that it depends on and the release of its distribution."""
        package = build_package(component)
        needed = self.dependencies.get(component.reference, ()) if component.reference else ()
        return msgspec.structs.replace(
            package,
            distribution_version=package.distribution_version or release.get(package.namespace.lower(), ""),
            dependencies=tuple(sorted({names[one] for one in needed if one in names})),
        )


def build_package(component: ListedComponent) -> Package:
    """Return a component as a package, by its package URL where it has one that can be read."""
    found = component.found
    return msgspec.structs.replace(
        _convert_named_package(component),
        licenses=component.licenses,
        path=found.path,
        line=found.line,
        layer=found.layer,
        groups=found.groups,
        is_development=found.is_development,
        relationship=found.relationship,
        constraint=found.constraint,
        cpes=tuple(one for one in component.cpes if one.startswith("cpe:2.3:")),
    )


def _convert_named_package(component: ListedComponent) -> Package:
    """Return a package with the name and the version of a component."""
    plain = "/".join(filter(None, (component.group, component.name)))
    try:
        url = package_url.split_package_url(component.purl) if component.purl else None
    except PackageUrlError:
        url = None
    if url is None:
        return Package(type="generic", name=plain, version=component.version)
    own_name = f"{component.group}:{component.name}" if url.type == "maven" and component.group else plain
    package = from_package_url(url, own_name)
    if not package.version and component.version:
        return msgspec.structs.replace(package, version=component.version)
    return package


def _choose_needed_name(component: ListedComponent) -> str:
    """Return how a package that needs this one writes it: the name with the version where it has one."""
    package = build_package(component)
    return f"{package.name}@{package.version}" if package.version else package.name
