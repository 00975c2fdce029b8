"""docs/reference/policies.md is what the pack says."""

from __future__ import annotations

from pathlib import Path

from nephoscope.content.loader import load_documents
from nephoscope.posture.policies.policy_reference_page import render_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policies.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run make docs"


def test_every_policy_has_one_row_and_every_argument_is_printed() -> None:
    text = render_page()
    for document in load_documents(kind="policies"):
        name = document.name.removesuffix(".json")
        assert text.count(f"\n| `{name}` |") == 1
        for entry in document.json()["properties"]["metadata"]["nephoscope"]["sameAs"]:
            if entry["difference"] is not None:
                assert entry["difference"].replace("|", "\\|") in text
