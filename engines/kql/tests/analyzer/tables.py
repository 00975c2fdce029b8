"""The analyzer's answers as tables, tests/cases/types/*.json: `python tests/analyzer/tables.py [GROUP ...]` writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from expression_groups import LETTERS, Group, expanded, groups

from service import Analyzer, Verdict, analyzer

FOLDER = Path(__file__).parents[1] / "cases" / "types"


def letter(verdict: Verdict | None) -> str:
    """How an answer is written; `!` where the analyzer falls over."""
    return "!" if verdict is None else LETTERS[verdict.type]


def asked(running: Analyzer, group: Group, shapes: tuple[str, ...]) -> dict[str, str]:
    """The answers to shapes of a group, a letter for every choice of types."""
    texts = [expanded(shape) for shape in shapes]
    letters = map(letter, running.verdicts(group, [text for one in texts for text in one]))
    return {shape: "".join(next(letters) for _ in one) for shape, one in zip(shapes, texts, strict=True)}


def read(group: Group) -> Mapping[str, str]:
    """The table of a group."""
    found: Mapping[str, str] = json.loads((FOLDER / f"{group.name}.json").read_text(encoding="utf-8"))
    return found


def write(names: list[str]) -> None:
    """Ask for all shapes of the groups of these names (default: of all), and write their tables."""
    FOLDER.mkdir(exist_ok=True)
    with analyzer() as running:
        for group in (one for one in groups() if not names or one.name in names):
            text = json.dumps(asked(running, group, group.shapes), indent=1, ensure_ascii=False)
            (FOLDER / f"{group.name}.json").write_text(text + "\n", encoding="utf-8")
            print(f"{group.name}: {len(group.shapes)} shapes", flush=True)


if __name__ == "__main__":
    write(sys.argv[1:])
