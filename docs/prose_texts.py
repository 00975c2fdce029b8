"""Extract the texts that people read: help, errors, pages, documentation, titles and docstrings, with their places."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("src/nephoscope", "engines/kql/src", "engines/policy/src")
#: Hand-written pages; decisions keep the words of their time, and generated pages take theirs from the source.
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/*.md",
    "docs/start/*.md",
    "docs/guides/*.md",
    "docs/contributing/*.md",
)
CONTENT = "src/nephoscope/content"
#: Packages whose string constants are read by people as they are.
SHOWN = ("web", "service", "automation")
#: Stands in a text for a value that is filled in.
VALUE = "…"
_COMMAND_MODULE = re.compile(r"src/nephoscope/(cli|operations)/\w+\.py")


@dataclass(frozen=True)
class Text:
    """A piece of prose, its kind and where it stands."""

    kind: str
    file: str
    line: int
    text: str


def python_texts(path: Path, name: str) -> Iterator[Text]:
    """Yield the help, errors, shown strings and docstrings of a module."""
    shown = any(f"nephoscope/{one}/" in name for one in SHOWN)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _docstring(node, name)
        elif isinstance(node, ast.Call):
            yield from _help(node, name)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from (Text("errors", name, line, text) for line, text in _strings(node.exc))
        elif shown and isinstance(node, (ast.Dict, ast.keyword, ast.Return, ast.Assign, ast.Yield)):
            yield from (Text("pages", name, line, text) for line, text in _phrases(node))


def template_texts(path: Path, name: str) -> Iterator[Text]:
    """Yield the text between tags and the labels in attributes of a Jinja template."""
    whole = path.read_text(encoding="utf-8")
    whole = re.sub(r"\{#.*?#\}|<(script|style)\b.*?</\1>", _blank, whole, flags=re.DOTALL)
    for found in re.finditer(r'\b(?:placeholder|title|aria-label|alt)="([^"]*)"', whole):
        yield from _piece("pages", name, whole, found.start(1), _filled(found[1]))
    for quoted in re.finditer(r"""\{[{%][^}]*?['"]([A-Z][^'"{}<>]* [^'"{}<>]*)['"]""", whole):
        yield from _piece("pages", name, whole, quoted.start(1), quoted[1])
    plain = re.sub(r"<[^<>{}]*(?:\{[{%].*?[}%]\}[^<>{}]*)*>", _walled, whole, flags=re.DOTALL)
    plain = re.sub(r"\{%.*?%\}", _walled, plain, flags=re.DOTALL)
    for found in re.finditer(r"[^\0]+", plain):
        blank = len(found[0]) - len(found[0].lstrip())
        yield from _piece("pages", name, plain, found.start() + blank, _filled(found[0]))


def markdown_texts(path: Path, name: str, kind: str = "docs") -> Iterator[Text]:
    """Yield the paragraphs, list items and headings of a page, without its code and link targets."""
    whole = path.read_text(encoding="utf-8")
    whole = re.sub(
        r"^( *)(```|~~~).*?^\1\2\s*?$|^---\n.*?^---$", _blank, whole, flags=re.DOTALL | re.MULTILINE
    )
    block: list[str] = []
    first = 0
    for number, line in enumerate([*whole.split("\n"), ""], 1):
        ends = not line.strip() or re.match(r"\s*(?:[-*] |\d+\. |#|\||    )", line)
        if ends and block:
            yield Text(kind, name, first, _unmarked(" ".join(block)))
            block = []
        if line.strip() and not line.startswith("    "):
            first = first if block else number
            block.append(line.strip())


def content_texts(path: Path, name: str) -> Iterator[Text]:
    """Yield the titles and descriptions of a policy, rule or query."""
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        found = re.match(r'\s*"?(title|displayName|name|description|remediation)"?: *"?(.+?)"?,?$', line)
        if found and " " in found[2]:
            kind = "descriptions" if found[1] in ("description", "remediation") else "titles"
            yield Text(kind, name, number, found[2])


def project_texts(root: Path) -> Iterator[Text]:
    """Yield every text of the project."""
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            yield from python_texts(path, path.relative_to(root).as_posix())
    for path in sorted((root / "src/nephoscope").rglob("*.html")):
        yield from template_texts(path, path.relative_to(root).as_posix())
    for pattern in PAGES:
        for path in sorted(root.glob(pattern)):
            yield from markdown_texts(path, path.relative_to(root).as_posix())
    for folder in ("policies", "detections", "hunting"):
        for path in sorted((root / CONTENT / folder).rglob("*")):
            if path.suffix in (".json", ".yaml") and not re.search(r"\btests?\b", path.name):
                yield from content_texts(path, path.relative_to(root).as_posix())


def _docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> Iterator[Text]:
    text = ast.get_docstring(node, clean=False)
    if text is None:
        return
    # the list of commands shows the first sentence of a command's module
    command = (
        _COMMAND_MODULE.fullmatch(name) is not None
        if isinstance(node, ast.Module)
        else any(map(_is_command, node.decorator_list))
    )
    if command or not getattr(node, "name", "").startswith("_"):
        yield Text("help" if command else "docstrings", name, node.body[0].lineno, " ".join(text.split()))


def _is_command(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in ("command", "group", "operation")


def _help(call: ast.Call, name: str) -> Iterator[Text]:
    for keyword in call.keywords:
        if keyword.arg in ("help", "short_help", "epilog"):
            yield from (Text("help", name, line, text) for line, text in _strings(keyword.value))
    if isinstance(call.func, ast.Name) and call.func.id == "describe" and call.args:
        yield from (Text("help", name, line, text) for line, text in _strings(call.args[0]))
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("fail", "error", "warn", "warning"):
        yield from (Text("errors", name, line, text) for line, text in _phrases(call))


def _strings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the strings of an expression; the parts of an f-string are one text."""
    if isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else VALUE for one in node.values]
        yield node.lineno, " ".join("".join(map(str, parts)).split())
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and node.value.strip():
            yield node.lineno, " ".join(node.value.split())
    else:
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)


def _phrases(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the strings of an expression that are at least two words of English."""
    direct = [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.keyword)]
    for child in direct if not isinstance(node, ast.keyword) else [node.value]:
        for line, text in _strings(child):
            if re.search(r"[a-z]{2,} [a-z(…]", text) and not re.search(
                r"[|=<>]|\b(?:SELECT|select|from|where) ", text
            ):
                yield line, text


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _walled(found: re.Match[str]) -> str:
    return "\0" + "\n" * found[0].count("\n") + "\0"


def _filled(text: str) -> str:
    return re.sub(r"\{\{.*?\}\}|\{%.*?%\}", VALUE, text, flags=re.DOTALL)


def _piece(kind: str, name: str, whole: str, start: int, text: str) -> Iterator[Text]:
    if re.search(r"[A-Za-z]{2}", text):
        yield Text(kind, name, whole.count("\n", 0, start) + 1, " ".join(text.split()))


def _unmarked(text: str) -> str:
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"^(?:[-*>] |\d+\. |#+ )|[*_]{2}", "", text)
