"""C and C++ packages that a project asks Conan for, or that an installed one was built with: conanfile.txt, conaninfo.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package, Relationship

TITLE = "conanfile.txt"
PATTERNS = ("**/conanfile.txt", "**/conaninfo.txt")

_SECTION = re.compile(r"\[([\w-]+)\]")
_REFERENCE = re.compile(r"([^/\s]+)/([^@#:\s]+)(?:@[^#:\s]*)?(?:[#:].*)?")
_VERSION = re.compile(r"\d[\w.+-]*")
_KINDS: dict[str, Relationship] = {
    "requires": "declared",
    "build_requires": "declared",
    "tool_requires": "declared",
    "test_requires": "declared",
    "full_requires": "",
}


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages, those of a range with it as `constraint`; raises UnreadableInventoryError."""
    section = ""
    has_all = file.name == "conaninfo.txt" and "[full_requires]" in file.text
    for number, line in enumerate(file.text.split("\n"), 1):
        text = re.sub(r"(?:^|\s)#.*", "", line).strip()
        if header := _SECTION.fullmatch(text):
            section = header[1]
        elif text and section in _KINDS and (section == "full_requires" or not has_all):
            yield from _read_reference(file, section, text, number)


def _read_reference(file: InventoryFile, section: str, text: str, number: int) -> Iterator[Package]:
    name, _, written = text.partition("/")
    asked = written[1:].partition("]")[0] if written.startswith("[") else ""
    found = _REFERENCE.fullmatch(text) if not asked else None
    if not asked and found is None:
        file.record_left_out_entry(number, f"`name/version` is wanted: {text[:80]!r}")
        return
    lowest = _VERSION.search(asked)
    is_development = section in ("build_requires", "tool_requires", "test_requires")
    yield Package(
        type="conan",
        name=found[1] if found else name,
        version=found[2] if found else lowest[0] if lowest else "",
        path=file.path,
        line=number,
        groups=(section.replace("_", "-"),) if is_development else (),
        is_development=is_development,
        relationship=_KINDS[section],
        constraint=asked,
    )
