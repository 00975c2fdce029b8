"""What every runner does with records: whatever one holds, it is matched or missed, never passed over, and never ends the run.

A line that is no JSON object, and a case that anything is raised on, are misses with the reason; a runner prints them with -v.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

#: How much of an error is kept.
LONGEST = 300


class Record(NamedTuple):
    """A record with its place; `wrong` says why there is none."""

    place: str
    value: dict[str, Any]
    wrong: str = ""


def raised(error: Exception) -> str:
    """What a miss says of an exception."""
    return f"{type(error).__name__}: {str(error)[:LONGEST]}"


def judged(assess: Callable[[], str]) -> str:
    """What a judge finds wrong ('' = nothing); an exception is wrong."""
    try:
        return assess()
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
        return raised(error)


def lines(path: Path) -> Iterator[Record]:
    """The records of a file of JSON lines, compressed or not; lines without text are none."""
    # split by bytes: a record may hold what str.splitlines takes for the end of a line
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"{path.name}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Record(place, {}, f"no JSON: {raised(error)}")
            continue
        yield Record(place, value) if isinstance(value, dict) else Record(place, {}, "no JSON object")


class Case(NamedTuple):
    """A case of a suite with the file that it stands in; `wrong` says why there is none."""

    name: str
    path: Path
    file: Mapping[str, Any]
    value: Mapping[str, Any]
    wrong: str = ""


def cases(folder: Path) -> Iterator[Case]:
    """The cases of a suite's files: `cases` of each `*.yaml`; a file without any is one case that is wrong."""
    for path in sorted(folder.glob("*.yaml")):
        try:
            file = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (ValueError, yaml.YAMLError, RecursionError) as error:
            yield Case(path.stem, path, {}, {}, raised(error))
            continue
        several = file.get("cases") if isinstance(file, dict) else None
        if not isinstance(several, list):
            yield Case(path.stem, path, {}, {}, "no cases")
            continue
        for number, one in enumerate(several):
            if isinstance(one, dict):
                yield Case(f"{path.stem}/{one.get('note', number)}", path, file, one)
            else:
                yield Case(f"{path.stem}/{number}", path, file, {}, "no object")


def documents_of(paths: Iterable[Path]) -> Iterator[Record]:
    """The JSON document of each file; one that is none says why."""
    for path in paths:
        try:
            value = json.loads(path.read_text(encoding="utf-8-sig"))
        except (ValueError, RecursionError) as error:
            yield Record(str(path), {}, f"no JSON: {raised(error)}")
            continue
        yield Record(str(path), value) if isinstance(value, dict) else Record(str(path), {}, "no JSON object")


def properties_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a document, {} where it has none."""
    found = document.get("properties")
    return found if isinstance(found, dict) else {}
