"""SPDX 2 in YAML."""

from __future__ import annotations

import re

import yaml

from nephoscope.collect.sbom.bill_of_materials import Bill, UnreadableBillError
from nephoscope.collect.sbom.sbom_file import MAX_DEPTH, SbomFile
from nephoscope.collect.sbom.spdx.document import parse_bill

TITLE = "SPDX 2 YAML"
PRECEDENCE = 30

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BEGIN = re.compile(r"^\s*[\"']?(spdxVersion|SPDXID)[\"']?\s*:", re.MULTILINE)
#: Values of one document.
MAX_NODES = 5_000_000


def recognizes(file: SbomFile) -> bool:
    """Return whether a line has the key of the version."""
    return not file.is_json and not file.head.startswith("<") and _BEGIN.search(file.text) is not None


def read(file: SbomFile) -> Bill:
    """Read a document of version 2."""
    tree = _to_tree(_compose_yaml_document(file.text))
    if not isinstance(tree, dict):
        raise UnreadableBillError("its YAML is not a mapping", 1)
    return parse_bill(tree, "yaml")


def _compose_yaml_document(text: str) -> object:
    """Return the node of the one document; UnreadableBillError with the line where it is no YAML, or has aliases."""
    depth = count = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            count += 1
            line = event.start_mark.line + 1 if event.start_mark else 0
            if depth > MAX_DEPTH or count > MAX_NODES:
                raise UnreadableBillError("its YAML nests too deeply, or has too many values", line)
            if isinstance(event, yaml.AliasEvent):
                raise UnreadableBillError("its YAML has an alias, which no document of SPDX needs", line)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UnreadableBillError(
            f"this is not YAML: {getattr(error, 'problem', error)}", mark.line + 1 if mark else 0
        ) from None


def _to_tree(node: object) -> object:
    """Return a node as objects, lists and texts."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _to_tree(value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    if isinstance(node, yaml.SequenceNode):
        return [_to_tree(one) for one in node.value]
    return node.value if isinstance(node, yaml.ScalarNode) else None
