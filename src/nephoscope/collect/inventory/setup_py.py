"""Python packages that a setup script asks for; the script is read as text, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "setup.py"
PATTERNS = ("**/setup.py",)
MAX_SIZE = 1_000_000

#: The arguments of `setup` and the names of lists that hold requirements.
_NAMES = ("install_requires", "setup_requires", "tests_require", "requires", "extras_require", "requirements")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages whose requirements stand in the script as text; raises UnreadableInventoryError."""
    try:
        tree = ast.parse(file.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise file.refusal(f"the script is no Python: {str(error)[:200]}", line) from error
    for node in ast.walk(tree):
        for holder in _holders(node):
            for text, line in _texts(holder):
                yield from _required(file, text, line)


def _holders(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg in _NAMES)
    elif isinstance(node, ast.Assign):
        names = [target.id.lower() for target in node.targets if isinstance(target, ast.Name)]
        if any(name in _NAMES or name.endswith("_requires") for name in names):
            yield node.value


def _texts(node: ast.AST) -> Iterator[tuple[str, int]]:
    for found in ast.walk(node):
        if isinstance(found, ast.List | ast.Tuple | ast.Set):
            for item in found.elts:
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    yield item.value, item.lineno


def _required(file: InventoryFile, text: str, line: int) -> Iterator[Package]:
    found = parse_requirement(text)
    if found is None or "%" in text or "{" in text:
        file.leave_out(line, f"this is no requirement with a name: {text[:60]!r}")
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
