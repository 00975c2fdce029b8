"""The corpus of rules: their records, their queries, the workspace functions beside them; and what came of a rule."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kql_order
import yaml
from corpus_records import Record, lines, raised


@dataclass(frozen=True)
class Rule:
    """A rule's record and its query ('' where the file is not in the corpus)."""

    path: str
    query: str
    errors: int
    columns: tuple[tuple[str, str], ...] | None


@dataclass
class Outcome:
    """What came of a rule: how far it got, why not further, and of the hostile rows; `lacked`: it calls what the recording lacked."""

    stage: str
    why: str = ""
    unknown: int = 0
    hostile: str = ""
    witness: str = ""
    rows: int = 0
    lacked: bool = False
    columns: list[tuple[str, str]] = field(default_factory=list)


def rules(corpus: Path) -> list[Rule]:
    """Every record of rule_result_types.jsonl with its query."""
    found = []
    for one in lines(corpus / "kql/rule_result_types.jsonl"):
        try:
            found.append(_rule(corpus, one))
        except Exception as error:  # noqa: BLE001 - a runner's border: a record that cannot be read is a miss, and is shown
            found.append(Rule(one.place, f") {one.wrong or raised(error)}", 0, None))
    return found


def _rule(corpus: Path, one: Record) -> Rule:
    """The rule of a record; raises where the record lacks something."""
    columns = one.value["columns"]
    return Rule(
        one.value["path"],
        query_of(corpus / "azure-sentinel" / one.value["path"]),
        one.value["errors"],
        None if columns is None else tuple((name, kind) for name, kind in columns),
    )


def query_of(path: Path) -> str:
    if not path.is_file():
        return ""
    document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    return str(document.get("query") or "")


def functions(corpus: Path) -> Iterator[tuple[str, str, str]]:
    """The workspace functions of the corpus: (name, parameters, body), under every name that a file gives."""
    seen: set[str] = set()
    for path in sorted((corpus / "azure-sentinel").rglob("*.yaml")):
        text = path.read_text(encoding="utf-8-sig")
        if not re.search(r"^(?:ParserName|FunctionName|FunctionAlias)\s*:", text, re.MULTILINE):
            continue
        try:
            document = yaml.safe_load(text)
            given = parameters(document.get("ParserParams") or [])
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            print(f"{path}: no function: {raised(error)}", file=sys.stderr)
            continue
        body = document.get("ParserQuery") or document.get("FunctionQuery")
        names = [
            document.get(key)
            for key in ("ParserName", "FunctionName", "FunctionAlias", "EquivalentBuiltInParser")
        ]
        for name in names:
            if isinstance(name, str) and isinstance(body, str) and name not in seen:
                seen.add(name)
                yield name, given, body


def parameters(given: list[dict[str, Any]]) -> str:
    """Parameters as `.create function` writes them."""
    return ", ".join(_parameter(one) for one in given)


def _parameter(one: dict[str, Any]) -> str:
    kind = str(one["Type"]).strip()
    default = one.get("Default")
    if default is None:
        return f"{one['Name']}:{kind}"
    text = str(default).lower() if isinstance(default, bool) else str(default)
    if kind == "string":
        text = json.dumps(text, ensure_ascii=False)
    return f"{one['Name']}:{kind}={text}"


def literals(query: str) -> list[str]:
    """The texts that a query holds, without quotes: hostile rows use them."""
    quoted = [
        token.lstrip("hH@") for token in kql_order.tokens(query) if token.lstrip("hH@")[:1] in ("'", '"')
    ]
    return sorted({token[1:-1] for token in quoted if 0 < len(token) - 2 < 200})
