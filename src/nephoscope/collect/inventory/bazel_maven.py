"""Java libraries that a Bazel workspace asks for by rules_jvm_external: WORKSPACE, MODULE.bazel and files of macros.

The files are read as text, never run: constants, names of constants, `+` and lists are understood.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.python_text import parse_python
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Bazel and Maven"
PATTERNS = ("**/WORKSPACE", "**/WORKSPACE.bazel", "**/MODULE.bazel", "**/*.MODULE.bazel")
MAX_SIZE = 4_000_000

_RULES = "@rules_jvm_external//"
_MAX_DEPTH = 50
_MAX_VALUES = 100_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the libraries; raises UnreadableInventoryError."""
    try:
        tree = parse_python(file)
    except SyntaxError as error:
        raise file.make_error(f"the file is not Starlark: {str(error)[:200]}", error.lineno or 1) from error
    script = _Script(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for text in script.list_coordinates(call):
            yield from _build_package(file, text, call.lineno)


def _build_package(file: InventoryFile, text: str, line: int) -> Iterator[Package]:
    parts = text.split(":")
    if len(parts) < 3 or not all(parts):
        file.record_left_out_entry(line, f"`group:artifact:version` is wanted: {text[:80]!r}")
        return
    yield Package(
        type="maven",
        name=f"{parts[0]}:{parts[1]}",
        version=parts[-1],
        path=file.path,
        line=line,
        relationship="declared",
    )


class _Script:
    """What the names of a script stand for: texts, lists of texts, and which come from the rules for Maven."""

    def __init__(self, tree: ast.Module) -> None:
        self._values: dict[str, ast.expr] = {}
        self._installers, self._extensions = set[str](), set[str]()
        for node in tree.body:
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                self._assign_variable(node.targets[0].id, node.value)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                self._load_script(node.value)

    def _assign_variable(self, name: str, value: ast.expr) -> None:
        self._values[name] = value
        if (
            isinstance(value, ast.Call)
            and _get_function_name(value) == "use_extension"
            and self._is_ours(value)
        ):
            self._extensions.add(name)

    def _load_script(self, call: ast.Call) -> None:
        if _get_function_name(call) == "load" and self._is_ours(call):
            named = [self.evaluate_texts(argument) for argument in call.args[1:]]
            self._installers |= {text for texts in named for text in texts if text == "maven_install"}
            self._installers |= {
                word.arg
                for word in call.keywords
                if word.arg and "maven_install" in self.evaluate_texts(word.value)
            }

    def _is_ours(self, call: ast.Call) -> bool:
        return bool(call.args) and any(text.startswith(_RULES) for text in self.evaluate_texts(call.args[0]))

    def list_coordinates(self, call: ast.Call) -> Iterator[str]:
        """Give the coordinates that a call asks for."""
        owner, _, method = _get_function_name(call).rpartition(".")
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if (not owner and method in self._installers) or (owner in self._extensions and method == "install"):
            yield from self.evaluate_texts(keywords["artifacts"]) if "artifacts" in keywords else ()
        elif (owner in self._extensions or owner == "maven") and method == "artifact":
            parts = [
                self.evaluate_texts(keywords[key])[:1]
                for key in ("group", "artifact", "version")
                if key in keywords
            ]
            yield ":".join(text for part in parts for text in part)

    def evaluate_texts(self, node: ast.expr, depth: int = 0) -> list[str]:
        """Return the texts that an expression stands for: one for a text, several for a list."""
        if depth > _MAX_DEPTH:
            return []
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.Name):
            return self.evaluate_texts(self._values[node.id], depth + 1) if node.id in self._values else []
        if isinstance(node, ast.List | ast.Tuple):
            return [text for item in node.elts for text in self.evaluate_texts(item, depth + 1)][:_MAX_VALUES]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = (
                self.evaluate_texts(node.left, depth + 1),
                self.evaluate_texts(node.right, depth + 1),
            )
            is_text = not self._is_list(node.left, 0) and len(left) == len(right) == 1
            return [(left[0] + right[0])[:_MAX_VALUES]] if is_text else (left + right)[:_MAX_VALUES]
        if isinstance(node, ast.Call) and _get_function_name(node) == "maven.artifact":
            return list(self.list_coordinates(node))
        return []

    def _is_list(self, node: ast.expr, depth: int) -> bool:
        if isinstance(node, ast.Name) and depth < _MAX_DEPTH:
            return self._is_list(self._values[node.id], depth + 1) if node.id in self._values else False
        if isinstance(node, ast.BinOp) and depth < _MAX_DEPTH:
            return self._is_list(node.left, depth + 1)
        return isinstance(node, ast.List | ast.Tuple)


def _get_function_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        return f"{call.func.value.id}.{call.func.attr}"
    return ""
