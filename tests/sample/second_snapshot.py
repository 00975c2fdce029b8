"""Write a snapshot that differs from the sample estate: `python tests/sample/second_snapshot.py CHANGES FOLDER`.

CHANGES is a file such as tests/cases/journeys/second_snapshot/second.json: `changes[]`, each one of
`{"id", "merge"}` (a JSON merge patch, RFC 7396, on the body of that id), `{"file", "add"}` (a body for a file of the snapshot)
and `{"id", "remove": true}` (the resource and everything under it). FOLDER becomes a whole snapshot, as a second collection is.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

SAMPLE = Path(str(files("nephoscope.content") / "sample" / "snapshot"))


class ChangeError(ValueError):
    """A change that fits nothing in the sample estate."""


def write(changes: Path, folder: Path) -> Path:
    """Write the snapshot into a new folder and return the folder; ChangeError when a change names nothing."""
    wanted = json.loads(changes.read_text(encoding="utf-8"))["changes"]
    shutil.copytree(SAMPLE, folder)
    used: set[int] = set()
    for path in sorted(folder.rglob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        kind = "data" if "data" in document else "value"
        if kind in document:
            name = path.relative_to(folder).as_posix()
            before = len(document[kind])
            document[kind] = _changed(document[kind], name, wanted, used)
            # an answer says how many records it has; one that says more than it has is not whole
            for count in {"count", "totalRecords"} & document.keys():
                document[count] += len(document[kind]) - before
            path.write_text(json.dumps(document), encoding="utf-8")
    unused = [change for at, change in enumerate(wanted) if at not in used]
    if unused:
        raise ChangeError(f"{changes}: nothing in the sample estate fits {unused[0]}")
    return folder


def _changed(bodies: list[Any], name: str, changes: list[Any], used: set[int]) -> list[Any]:
    for at, change in enumerate(changes):
        before = bodies
        if "add" in change:
            bodies = [*bodies, change["add"]] if change["file"] == name else bodies
        elif "merge" in change:
            same = [body["id"].lower() == change["id"].lower() for body in bodies]
            if any(same):
                bodies = [
                    merge(body, change["merge"]) if hit else body
                    for body, hit in zip(bodies, same, strict=True)
                ]
        elif change["remove"] is True:
            kept = [body for body in bodies if not under(body["id"], change["id"])]
            bodies = kept if len(kept) < len(bodies) else bodies
        if bodies is not before:
            used.add(at)
    return bodies


def under(id_: str, ancestor: str) -> bool:
    """Whether an id is another one or lies under it."""
    return f"{id_.lower()}/".startswith(f"{ancestor.lower()}/")


def merge(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
