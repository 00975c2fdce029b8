"""The tables of Terraform's resource types: one YAML file a type in content/terraform.

`resource` is the type of Terraform, `type` that of ARM. The name is the attribute `name` (an expression: see mapping_expression), the
place of the resource its resource group, the resource named by `parent` (an id) with the type above, or the one that `scope` names for
extensions. `parents` are expressions of names, outermost first, where Terraform names parents by their names. `body` maps paths of the
ARM body to expressions; `children` are further resources below it; `merge_into` says that it is no resource of its own, but a part of
the one that the attribute names, of Terraform's type `part_of`. `= none` says that no resource of the type has a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import yaml

_NAME = re.compile(r"[a-z_]\w*")
_BLOCKS = re.compile(r"(?<![\w.])([a-z_]\w*)\.")
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class MappingTableError(Exception):
    """A table that is not valid: its file, and what is wrong."""


class Child(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A resource below another that Terraform keeps in its blocks; made where the expression `when` has a value."""

    type: str
    name: str
    body: dict[str, Any]
    when: str = ""


class ResourceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table of one type."""

    resource: str
    type: str = ""
    name: str = "name"
    parent: str = ""
    parents: tuple[str, ...] = ()
    scope: str = ""
    merge_into: str = ""
    part_of: str = ""
    body: dict[str, Any] = {}
    children: tuple[Child, ...] = ()


@cache
def list_extension_tables(resource: str) -> tuple[ResourceTable, ...]:
    """Return the tables of what Terraform keeps beside a type and is a part of it."""
    return tuple(table for table in load_tables().values() if table.part_of == resource)


@cache
def read_attributes(resource: str) -> frozenset[str]:
    """Return the attributes of a type of Terraform that its table reads, as all words of its expressions."""
    table = load_tables()[resource]
    texts = [table.name, table.parent, *table.parents, table.scope, table.merge_into]
    texts += [one for child in table.children for one in (child.name, child.when)]
    texts += [
        text for body in (table.body, *(child.body for child in table.children)) for text in _read_words(body)
    ]
    return frozenset(name for text in texts for name in _NAME.findall(text))


def _read_words(rule: object) -> Iterator[str]:
    """Every expression of a rule, those of the elements of lists too."""
    if isinstance(rule, str):
        yield rule
    elif isinstance(rule, dict):
        for value in rule.values():
            yield from _read_words(value)


@cache
def find_block_names(resource: str) -> frozenset[str]:
    """Return the attributes of a type of Terraform that its table reads lists or inner attributes of."""
    table = load_tables().get(resource)
    if table is None:
        return frozenset()
    bodies = [table.body, *(child.body for child in table.children)]
    return frozenset(
        name for body in bodies for text in _read_expressions(body) for name in _BLOCKS.findall(text)
    )


def _read_expressions(rule: object) -> Iterator[str]:
    if isinstance(rule, str):
        yield rule
    elif isinstance(rule, dict):
        if "list" in rule:
            yield from (f"{source.strip()}." for source in rule["list"].split("|"))
        for key, value in rule.items():
            if key not in ("list", "each"):
                yield from _read_expressions(value)


@cache
def load_tables() -> dict[str, ResourceTable]:
    """Return the tables by Terraform's type; raises MappingTableError."""
    found = {}
    for file in sorted(
        files("nephoscope.content").joinpath("terraform").iterdir(), key=lambda file: file.name
    ):
        if not file.name.endswith(".yaml"):
            continue
        try:
            given = yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader
            table = msgspec.convert(given, ResourceTable)
        except (msgspec.ValidationError, yaml.YAMLError) as error:
            raise MappingTableError(f"content/terraform/{file.name}: {error}") from error
        if file.name != f"{table.resource}.yaml" or bool(table.type) == bool(table.merge_into):
            raise MappingTableError(
                f"content/terraform/{file.name}: name the file by its resource, and give it a type or merge_into"
            )
        if bool(table.part_of) != bool(table.merge_into):
            raise MappingTableError(f"content/terraform/{file.name}: part_of says what merge_into leads to")
        found[table.resource] = table
    return found
