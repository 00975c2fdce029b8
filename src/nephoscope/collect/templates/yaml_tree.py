"""YAML documents as trees whose every key and value has its place; aliases are followed, never copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.source_text import SourceText, TextSpan

if TYPE_CHECKING:
    import yaml

MAX_DEPTH = 100
MAX_NODES = 500_000
MAX_DOCUMENTS = 10_000


class YamlNode(msgspec.Struct):
    """A value: `kind` is scalar, map or list; `text` is a scalar's text, `style` its YAML style ('' plain, `'`, `"`, `|`, `>`).

    `pairs` holds the keys and values of a map in their order, `items` the values of a list, `tag` the resolved tag.
    """

    kind: str
    span: TextSpan
    tag: str = ""
    text: str = ""
    style: str = ""
    pairs: list[tuple[YamlNode, YamlNode]] = msgspec.field(default_factory=list)
    items: list[YamlNode] = msgspec.field(default_factory=list)

    def get(self, *path: str) -> YamlNode | None:
        """Return the value at a path of keys; None where it is missing. The last of equal keys counts."""
        node: YamlNode | None = self
        for name in path:
            if node is None:
                return None
            node = next((value for key, value in reversed(node.pairs) if key.text == name), None)
        return node

    def key(self, name: str) -> YamlNode | None:
        """Return the node of a key."""
        return next((key for key, _ in reversed(self.pairs) if key.text == name), None)

    @property
    def is_null(self) -> bool:
        """Tell whether it is a plain null or empty scalar."""
        return self.kind == "scalar" and self.tag.endswith(":null")

    @property
    def is_true(self) -> bool:
        """Tell whether it is a boolean that is true."""
        return self.kind == "scalar" and self.text.lower() in ("true", "yes", "on", "y")

    def list_scalars(self) -> Iterator[YamlNode]:
        """Give each scalar value within, each shared one once."""
        waiting, seen = [self], set[int]()
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.kind == "scalar":
                yield node
            waiting += [value for _, value in reversed(node.pairs)]
            waiting += reversed(node.items)

    def texts(self) -> list[str]:
        """Return the texts of a list's scalars, or of itself where it is a scalar."""
        if self.kind == "scalar":
            return [] if self.is_null else [self.text]
        return [item.text for item in self.items if item.kind == "scalar"]


def parse_yaml(source: SourceText) -> list[YamlNode]:
    """Return the documents of a YAML or JSON text; raises UnreadableFileError with the place where it is not valid."""
    import yaml  # where a file is YAML: that none is costs nothing

    try:
        roots = _compose_yaml_nodes(source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise UnreadableFileError(
            f"the YAML cannot be read: {error.problem or error.context}", line, column
        ) from error
    except (yaml.YAMLError, RecursionError, UnicodeError, ValueError) as error:
        raise UnreadableFileError(f"the YAML cannot be read: {error}") from error
    builder = _YamlBuilder()
    return [builder.build(root, 0) for root in roots if root is not None]


def _compose_yaml_nodes(source: SourceText) -> list[yaml.Node]:
    import yaml

    shift = 1 if source.text.startswith("\ufeff") else 0
    roots = []
    roots_of = yaml.compose_all(source.text[shift:], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for number, root in enumerate(roots_of):
        if number >= MAX_DOCUMENTS:
            raise UnreadableFileError(f"the file has more than {MAX_DOCUMENTS} documents: split it")
        roots.append(root)
    return roots


class _YamlBuilder:
    def __init__(self) -> None:
        self.done: dict[int, YamlNode] = {}
        self.kept: list[yaml.Node] = []
        self.open: set[int] = set()

    def build(self, node: yaml.Node, depth: int) -> YamlNode:
        """Build a tree; an alias gives the node that it names."""
        if (known := self.done.get(id(node))) is not None:
            return known
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if id(node) in self.open:
            raise UnreadableFileError("an alias refers to a value that contains it", line, column)
        if depth > MAX_DEPTH or len(self.done) > MAX_NODES:
            raise UnreadableFileError(
                f"the YAML is deeper than {MAX_DEPTH} or has more than {MAX_NODES} values", line, column
            )
        self.open.add(id(node))
        built = self._build_node(node, depth)
        self.open.discard(id(node))
        self.done[id(node)] = built
        self.kept.append(node)
        return built

    def _build_node(self, node: yaml.Node, depth: int) -> YamlNode:
        import yaml

        span = TextSpan(node.start_mark.index, node.end_mark.index)
        if isinstance(node, yaml.MappingNode):
            pairs: list[tuple[YamlNode, YamlNode]] = []
            for key, value in node.value:
                built = self.build(value, depth + 1)
                name = self.build(key, depth + 1)
                merged = name.text == "<<" and key.tag.endswith(":merge")
                pairs = [*_merge_mapping_pairs(built), *pairs] if merged else [*pairs, (name, built)]
            return YamlNode("map", span, node.tag, pairs=pairs)
        if isinstance(node, yaml.SequenceNode):
            return YamlNode(
                "list", span, node.tag, items=[self.build(item, depth + 1) for item in node.value]
            )
        style = node.style if isinstance(node, yaml.ScalarNode) else ""
        return YamlNode("scalar", span, node.tag, str(node.value), style or "")


def _merge_mapping_pairs(node: YamlNode) -> list[tuple[YamlNode, YamlNode]]:
    if node.kind == "list":
        return [pair for item in reversed(node.items) for pair in item.pairs]
    return node.pairs
