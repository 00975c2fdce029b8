"""Paragraphs of `Field: value` lines, divided by empty lines: Debian's control files and the metadata of Python packages."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from nephoscope.collect.inventory.inventory_file import InventoryFile


class Paragraph(msgspec.Struct):
    """Fields by their lower-cased names, each with all its values in order, and the line where the paragraph begins."""

    line: int
    fields: dict[str, list[str]] = msgspec.field(default_factory=dict)
    lines: dict[str, int] = msgspec.field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return the first value of a field by its lower-cased name, '' where there is none."""
        return self.fields.get(name, [""])[0].strip()

    def get_all(self, name: str) -> list[str]:
        """Return every value of a field by its lower-cased name."""
        return [value.strip() for value in self.fields.get(name, [])]


def parse_paragraphs(file: InventoryFile) -> Iterator[Paragraph]:
    """Give the paragraphs of a control file; raises UnreadableInventoryError at a line that is neither a field nor goes one on."""
    paragraph: Paragraph | None = None
    last = ""
    for number, line in enumerate(file.text.split("\n"), 1):
        if not line.strip():
            if paragraph:
                yield paragraph
            paragraph, last = None, ""
            continue
        paragraph = paragraph or Paragraph(number)
        if line[0] in " \t" and last:
            paragraph.fields[last][-1] += "\n" + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or line[0] in " \t":
            raise file.make_error(f"a field `Name: value` is expected: {line.strip()[:60]!r}", number)
        last = name.strip().lower()
        paragraph.fields.setdefault(last, []).append(value.strip())
        paragraph.lines.setdefault(last, number)
    if paragraph:
        yield paragraph
