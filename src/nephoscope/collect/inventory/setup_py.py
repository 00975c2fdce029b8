"""Python packages that a setup script asks for; the script is read as text, never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.python_text import parse_python
from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "setup.py"
PATTERNS = ("**/setup.py",)
MAX_SIZE = 1_000_000

_QUOTED = re.compile(
    r"""["']([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]\[\n]*\])?\s*(?:===?|>=|<=|~=)\s*[\w.,<>=!~* ]+)["']"""
)
#: The arguments of `setup` and the names of lists that hold requirements.
_NAMES = ("install_requires", "setup_requires", "tests_require", "requires", "extras_require", "requirements")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages whose requirements stand in the script as text; raises UnreadableInventoryError."""
    try:
        tree = parse_python(file)
    except SyntaxError as error:
        reason = "the script is no Python 3: only requirements with a version, in quotes, are read"
        file.record_left_out_entry(error.lineno or 1, reason)
        yield from _read_quoted_packages(file)
        return
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    seen: set[tuple[str, int]] = set()
    for node in ast.walk(tree):
        for holder in _list_holders(node, named):
            for text, line in _list_texts(holder):
                if (text, line) not in seen:
                    seen.add((text, line))
                    yield from _read_required_packages(file, text, line)


def _read_quoted_packages(file: InventoryFile) -> Iterator[Package]:
    for number, line in enumerate(file.text.split("\n"), 1):
        if not line.lstrip().startswith("#"):
            for text in _QUOTED.findall(line):
                yield from _read_required_packages(file, text, number)


def _list_holders(node: ast.AST, named: dict[str, ast.expr]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg in _NAMES:
                value = keyword.value
                yield named.get(value.id, value) if isinstance(value, ast.Name) else value
    elif isinstance(node, ast.Assign):
        names = [target.id.lower() for target in node.targets if isinstance(target, ast.Name)]
        if any(name in _NAMES or name.endswith("_requires") for name in names):
            yield node.value


def _list_texts(node: ast.AST) -> Iterator[tuple[str, int]]:
    for found in ast.walk(node):
        if isinstance(found, ast.List | ast.Tuple | ast.Set):
            for item in found.elts:
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    yield item.value, item.lineno


def _read_required_packages(file: InventoryFile, text: str, line: int) -> Iterator[Package]:
    found = parse_requirement(text)
    if found is None or "%" in text or "{" in text:
        file.record_left_out_entry(line, f"this is no requirement with a name: {text[:60]!r}")
        return
    yield Package(
        type="pypi",
        name=found.name,
        version=found.version,
        path=file.path,
        line=line,
        relationship="declared",
        constraint=found.constraint,
    )
