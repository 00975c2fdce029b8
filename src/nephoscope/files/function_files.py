"""Stored functions in files: `.kql` files, and `.yaml` files as Sentinel's parsers are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from nephoscope.files.symlinks import explain_outside_link
from nephoscope_kql.catalog import StoredFunction

_NAMES = ("ParserName", "FunctionName", "FunctionAlias", "EquivalentBuiltInParser")
_BODIES = ("ParserQuery", "FunctionQuery")
_CREATE = re.compile(
    r"^\s*\.create(?:-or-alter)?\s+function\s+(?:with\s*\([^)]*\)\s*)?(?:ifnotexists\s+)?(?P<name>[\w\[\]'\"]+)\s*\(",
    re.IGNORECASE,
)


class FunctionFileError(ValueError):
    """A file that holds no function; the text names it and says why."""


def load_functions(folder: Path) -> list[StoredFunction]:
    """The functions of all files below a folder, by name; FunctionFileError where a file cannot be read or a name comes twice."""
    found: dict[str, tuple[StoredFunction, Path]] = {}
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".kql", ".yaml", ".yml"))
    if not files:
        raise FunctionFileError(f"{folder}: the folder has no file that ends in .kql or .yaml")
    for path in files:
        if path.is_symlink() and (why := explain_outside_link(path, (folder,))):
            raise FunctionFileError(f"{path}: {why}, or remove the link")
        for function in _iterate_folder(path):
            known = found.setdefault(function.name, (function, path))
            if known[0] != function:
                raise FunctionFileError(f"{path}: the function {function.name} is also in {known[1]}")
    return [function for function, _ in found.values()]


def _iterate_folder(path: Path) -> Iterator[StoredFunction]:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".kql":
        yield _parse_kql(path, text)
        return
    document = _parse_yaml(path, text)
    body = next((one for key in _BODIES if isinstance(one := document.get(key), str)), None)
    names = {document.get(key) for key in _NAMES}
    if body is None:
        return
    given = document.get("ParserParams") or []
    if not isinstance(given, list):
        raise FunctionFileError(f"{path}: ParserParams must be a list of objects")
    parameters = ", ".join(_format_parameter(path, place, one) for place, one in enumerate(given))
    for name in sorted(name for name in names if isinstance(name, str)):
        yield StoredFunction(name, body, parameters)


def _parse_yaml(path: Path, text: str) -> dict[str, object]:
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise FunctionFileError(f"{path}: {error}") from error
    return document if isinstance(document, dict) else {}


def _format_parameter(path: Path, place: int, one: object) -> str:
    if not isinstance(one, dict) or not one.get("Name") or not one.get("Type"):
        raise FunctionFileError(f"{path}: ParserParams[{place}] needs Name and Type")
    kind = str(one["Type"]).strip()
    default = one.get("Default")
    if default is None:
        return f"{one['Name']}:{kind}"
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{one['Name']}:{kind}={json.dumps(text, ensure_ascii=False) if kind == 'string' else text}"


def _parse_kql(path: Path, text: str) -> StoredFunction:
    """`.create function Name(parameters) { body }`, `(parameters) { body }`, or a body alone: then the file's name is the name."""
    created = _CREATE.match(text)
    name = created["name"].strip("[]'\"") if created else path.stem
    opened = created.end() - 1 if created else len(text) - len(text.lstrip())
    if not created and not re.match(r"\(\s*(\)\s*\{|\w+\s*:)", text[opened:]):
        return StoredFunction(name, text)
    closed = _find_closing(text, opened, path)
    begin = text.find("{", closed)
    end = text.rfind("}")
    if begin < 0 or end < begin:
        raise FunctionFileError(f"{path}: a body in {{ }} is expected after the parameters")
    return StoredFunction(name, text[begin + 1 : end], text[opened + 1 : closed])


def _find_closing(text: str, opened: int, path: Path) -> int:
    depth = 0
    for place in range(opened, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    raise FunctionFileError(f"{path}: the parameters' bracket is not closed")


def read_query(path: Path) -> str:
    """The query in a file: the text itself, or the member `query` of a rule in YAML."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix not in (".yaml", ".yml"):
        return text
    document = _parse_yaml(path, text)
    query = document.get("query")
    if not isinstance(query, str):
        raise FunctionFileError(f"{path}: it has no 'query'")
    return query
