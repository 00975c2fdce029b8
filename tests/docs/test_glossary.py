"""The glossary names modules that exist, in alphabetical order, each term once."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| (?!term|---)(.+?) \| (.+?) \| .+? \| `(.+?)` \|$",
    (ROOT / "docs/glossary.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_every_module_of_the_glossary_exists() -> None:
    assert len(ROWS) > 40
    assert [module for _, _, module in ROWS if not (ROOT / "src/nephoscope" / module).exists()] == []


def test_every_term_is_explained_once_in_one_sentence() -> None:
    terms = [term for term, _, _ in ROWS]
    assert len(set(terms)) == len(terms)
    assert [term for term, meaning, _ in ROWS if not re.fullmatch(r"[^.]+\.", meaning)] == []
