"""The rules of the shared corpus with its tables and workspace functions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from nephoscope_kql.catalog import MemoryCatalog, StoredFunction


def read(folder: Path) -> tuple[MemoryCatalog, list[str]]:
    """(catalog, queries) of the rules that Microsoft's analyzer gives columns to."""
    schemas = json.loads((folder / "kql/table_schemas.json").read_text(encoding="utf-8"))
    functions = {function.name: function for function in _functions(folder / "azure-sentinel")}
    tables = {name: list(columns.items()) for name, columns in schemas.items()}
    return MemoryCatalog.of(tables, functions.values()), list(_rules(folder))


def _rules(folder: Path) -> Iterator[str]:
    for line in (folder / "kql/rule_result_types.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        path = folder / "azure-sentinel" / record["path"]
        if record["columns"] and path.is_file():
            query = yaml.safe_load(path.read_text(encoding="utf-8-sig")).get("query")
            if query:
                yield str(query)


def _functions(folder: Path) -> Iterator[StoredFunction]:
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8-sig")
        if re.search(r"^(?:ParserName|FunctionName|FunctionAlias)\s*:", text, re.MULTILINE):
            yield from _of(yaml.safe_load(text))


def _of(document: dict[str, Any]) -> Iterator[StoredFunction]:
    body = document.get("ParserQuery") or document.get("FunctionQuery")
    given = ", ".join(_parameter(one) for one in document.get("ParserParams") or [])
    for key in ("ParserName", "FunctionName", "FunctionAlias", "EquivalentBuiltInParser"):
        name = document.get(key)
        if isinstance(name, str) and isinstance(body, str):
            yield StoredFunction(name, body, given)


def _parameter(one: dict[str, Any]) -> str:
    kind, default = str(one["Type"]).strip(), one.get("Default")
    if default is None:
        return f"{one['Name']}:{kind}"
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{one['Name']}:{kind}={json.dumps(text, ensure_ascii=False) if kind == 'string' else text}"


def calls_function(rule: str, functions: Iterable[StoredFunction]) -> bool:
    """Whether a rule uses a workspace function (by a word of its text)."""
    words = set(re.findall(r"\w+", rule))
    return any(function.name in words for function in functions)
