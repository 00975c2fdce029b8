"""Check the project's prose; `--list KIND` shows each finding with its place, `--lower` writes lower budgets."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from prose_rules import findings
from prose_texts import Text, project_texts

ROOT = Path(__file__).parents[1]
#: Findings that a kind may have: the figures may only fall.
BUDGET = Path(__file__).parent / "prose-budget.json"


def check(texts: Iterable[Text]) -> list[tuple[Text, str]]:
    """Return the findings of some texts, each once, in order."""
    return [(text, finding) for text in dict.fromkeys(texts) for finding in findings(text)]


def over_budget(counts: dict[str, int], budget: dict[str, int]) -> dict[str, int]:
    """Return by how many findings each kind exceeds its budget."""
    return {
        kind: count - budget.get(kind, 0) for kind, count in counts.items() if count > budget.get(kind, 0)
    }


def lowered(counts: dict[str, int], budget: dict[str, int]) -> dict[str, int]:
    """Return the budget with each figure at what was counted, where that is less."""
    return {kind: min(allowed, counts.get(kind, 0)) for kind, allowed in budget.items()}


def read_budget() -> dict[str, int]:
    """Read how many findings each kind may have."""
    budget: dict[str, int] = json.loads(BUDGET.read_text(encoding="utf-8"))
    return budget


def main(arguments: list[str]) -> int:
    """Print the count of each kind; exit 1 where one exceeds its budget, with its findings."""
    texts = list(dict.fromkeys(project_texts(ROOT)))
    found = check(texts)
    counts = Counter(text.kind for text, _ in found)
    budget = read_budget()
    for kind, total in sorted(Counter(text.kind for text in texts).items()):
        print(f"{kind:14}{total:7} texts {counts[kind]:6} findings, {budget.get(kind, 0)} allowed")
    over = over_budget(counts, budget)
    for text, finding in found:
        if text.kind in arguments or (text.kind in over and "--list" not in arguments):
            print(f"{text.file}:{text.line}: {finding}")
    if "--lower" in arguments:
        BUDGET.write_text(json.dumps(lowered(counts, budget), indent=2) + "\n", encoding="utf-8")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
