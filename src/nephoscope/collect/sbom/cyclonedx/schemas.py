"""The schemas of CycloneDX, which the library of its authors ships, as checks of JSON and XML."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from nephoscope.collect.sbom.bill_of_materials import Defect, UnreadableBillError
from nephoscope.files.json_tree import Tree
from nephoscope.model.extras import get_install_command

#: The package of the library that holds the schemas, and those that others refer to.
_FOLDER = "cyclonedx.schema._res"
_REFERRED = ("spdx", "jsf-0.82", "cryptography-defs")
#: Versions whose plain schema allows properties that the specification does not have.
_STRICT = frozenset({"1.2", "1.3"})
#: As many defects of one document are told.
MOST_DEFECTS = 50
_LONGEST = 300


def find_json_defects(tree: Tree, version: str) -> tuple[Defect, ...]:
    """Return what a document of JSON does against the schema of its version."""
    found = []
    for error in _load_json_validator(version).iter_errors(tree):
        place = "/" + "/".join(map(str, error.instance_path))
        found.append(Defect(f"cyclonedx-{version}-schema", place, str(error.message)[:_LONGEST]))
        if len(found) == MOST_DEFECTS:
            break
    return tuple(found)


def find_xml_defects(text: str, version: str) -> tuple[Defect, ...]:
    """Return what a document of XML does against the schema of its version; it has no document type (`parse_xml` refuses it)."""
    etree = _import_etree()
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableBillError(f"this is not XML: {error.msg}", error.lineno or 0) from None
    schema = _load_xml_schema(version)
    if schema.validate(root):
        return ()
    return tuple(
        Defect(f"cyclonedx-{version}-schema", f"line {one.line}", one.message[:_LONGEST])
        for one in list(schema.error_log)[:MOST_DEFECTS]
    )


def _read_schema(name: str) -> str:
    """Return a schema of the library; UnreadableBillError when that is not installed."""
    try:
        return (files(_FOLDER) / name).read_text(encoding="utf-8")
    except ModuleNotFoundError:
        raise _build_missing_extra_error() from None


def _build_missing_extra_error() -> UnreadableBillError:
    return UnreadableBillError(f"CycloneDX needs the extra sbom: {get_install_command('sbom')}")


@cache
def _load_json_validator(version: str) -> Any:
    try:
        import jsonschema_rs
    except ModuleNotFoundError:
        raise _build_missing_extra_error() from None
    named = {f"{name}.SNAPSHOT.schema.json" for name in _REFERRED}
    base = "http://cyclonedx.org/schema/"
    registry = jsonschema_rs.Registry(
        [(base + name, json.loads(_read_schema(name))) for name in sorted(named)]
    )
    kind = f"{version}-strict" if version in _STRICT else version
    schema = json.loads(_read_schema(f"bom-{kind}.SNAPSHOT.schema.json"))
    return jsonschema_rs.validator_for(schema, registry=registry, validate_formats=True)


def _import_etree() -> Any:
    try:
        from lxml import etree
    except ModuleNotFoundError:
        raise _build_missing_extra_error() from None
    return etree


@cache
def _load_xml_schema(version: str) -> Any:
    _read_schema(f"bom-{version}.SNAPSHOT.xsd")
    with_path = files(_FOLDER) / f"bom-{version}.SNAPSHOT.xsd"
    etree = _import_etree()
    return etree.XMLSchema(
        etree.parse(str(with_path), etree.XMLParser(no_network=True, resolve_entities=False))
    )
