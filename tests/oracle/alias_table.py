"""Collect the shipped alias table: which aliases definitions use, looked up in a full dump; and which types bear tags and location.

Usage: python tests/oracle/alias_table.py [SHARED] writes {builtin,capabilities}.json of
engines/policy/src/nephoscope_policy/content/aliases.
Aliases come from corpora/aliases, capabilities from whether any recorded body or API example of a type has a location and tags.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "engines/policy/src/nephoscope_policy/content/aliases"
ALIAS = re.compile(r"[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)+/[^\s'\"()]+")


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def used(folders: list[Path], known: dict[str, str]) -> dict[str, str]:
    found: set[str] = set()
    for folder in folders:
        for path in folder.rglob("*.json"):
            document = json.loads(path.read_text(encoding="utf-8-sig"))
            for text in texts(document):
                found.update(match.lower() for match in ALIAS.findall(text))
    return {name: known[name] for name in sorted(found) if name in known}


def bodies(shared: Path) -> Iterator[dict[str, Any]]:
    for line in (shared / "corpora/resources/live_arm_bodies.jsonl").open(encoding="utf-8"):
        yield json.loads(line)["resource"]
    for path in sorted((shared / "corpora/azure-api").glob("examples*.jsonl")):
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            answers = record.get("example", {}).get("responses", {})
            for answer in answers.values():
                body = answer.get("body") if isinstance(answer, dict) else None
                yield from listed(body)


def listed(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict):
        if isinstance(body.get("value"), list):
            yield from (item for item in body["value"] if isinstance(item, dict))
        else:
            yield body


def type_of(body: dict[str, Any]) -> str:
    identifier = body.get("id")
    if not isinstance(identifier, str) or "/providers/" not in identifier.lower():
        return ""
    tail = identifier.rstrip("/").lower().split("/providers/")[-1].split("/")
    return "/".join([tail[0], *tail[1::2]]) if len(tail) >= 3 and len(tail) % 2 == 1 else ""


def capabilities(shared: Path) -> dict[str, str]:
    seen: dict[str, list[int]] = {}
    for body in bodies(shared):
        type_ = type_of(body)
        if type_ and re.fullmatch(r"[a-z0-9.]+(/[a-z0-9]+)+", type_):
            counts = seen.setdefault(type_, [0, 0, 0])
            counts[0] += 1
            counts[1] += bool(body.get("location"))
            counts[2] += "tags" in body
    return {type_: words(counts) for type_, counts in sorted(seen.items()) if counts[1] or counts[0] > 1}


def words(counts: list[int]) -> str:
    """A type with a location in some body bears tags too (ARM's tracked resources); one without is a proxy resource."""
    return "tags location" if counts[1] else ("tags" if counts[2] else "")


def write(name: str, body: dict[str, Any]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(body, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    shared = Path(
        sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NEPHOSCOPE_SHARED", ROOT.parent / "shared")
    )
    known = json.loads(gzip.decompress((shared / "corpora/aliases/aliases.json.gz").read_bytes()))
    table = used([shared / "corpora/azure-policy", ROOT / "src/nephoscope/content/policies"], known)
    types = capabilities(shared)
    write("builtin.json", {"aliases": table})
    write("capabilities.json", {"capabilities": types})
    print(f"{len(table)} aliases, {len(types)} types")


if __name__ == "__main__":
    main()
