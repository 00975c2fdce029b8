"""docs/reference/analyzers.md tells every analyzer and every key, as the code has them."""

from __future__ import annotations

from pathlib import Path

from nephoscope.analyze.discovery import list_assessment_keys, load_analyzers
from nephoscope.analyze.reference_page import render_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "analyzers.md"


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run make docs"


def test_page_has_every_analyzer_key_and_policy() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"## {analyzer.name.replace('_', ' ')}\n" in text for analyzer in load_analyzers())
    for key in list_assessment_keys().values():
        for id_ in (key.id, *key.policies, *key.retired):
            assert f"`{id_}`" in text
