"""Nodes of a Terraform configuration: blocks and values with their place, and the files of a module that declare them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from nephoscope_policy.arm.json_text import TextMark
from nephoscope_policy.arm.template.document import Path, TemplateDocument, WrittenValue


class ConfigurationNode(NamedTuple):
    """Something that is written: its document, the path of its mark there, and the mark."""

    document: TemplateDocument
    path: Path
    mark: TextMark

    @property
    def written_place(self) -> WrittenValue:
        """Return where it is written."""
        return WrittenValue(self.document, self.path)

    @property
    def text(self) -> str:
        """Its text."""
        return self.document.text[self.mark.start : self.mark.end]

    def descend(self, step: str | int) -> ConfigurationNode | None:
        """Return what stands below a step; None where nothing does."""
        found = self.mark.find_child_mark(step)
        return None if found is None else ConfigurationNode(self.document, (*self.path, step), found)


@dataclass(slots=True)
class ModuleFiles:
    """The files of one module; `given` are the values of variables that its files of values have."""

    documents: list[tuple[TemplateDocument, TextMark]]
    given: list[tuple[TemplateDocument, TextMark]]

    def find(self, *path: str) -> ConfigurationNode | None:
        """Return what the module declares at a path: `resource`, type and name; `variable` and name."""
        return _find_configuration_node(self.documents, path)

    def find_value(self, name: str) -> ConfigurationNode | None:
        """Return the value that the files of values give a variable: the last file that has it counts."""
        return _find_configuration_node(list(reversed(self.given)), (name,))


def _find_configuration_node(
    documents: Iterable[tuple[TemplateDocument, TextMark]], path: tuple[str, ...]
) -> ConfigurationNode | None:
    for document, mark in documents:
        held: ConfigurationNode | None = ConfigurationNode(document, (), mark)
        for step in path:
            held = held.descend(step) if held is not None else None
        if held is not None:
            return held
    return None
