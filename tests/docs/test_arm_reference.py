"""The generated reference page is the one in the documentation."""

from __future__ import annotations

from pathlib import Path

from nephoscope_policy.arm.reference_page import render_page
from nephoscope_policy.arm.registry import load_registry

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "arm-functions.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == render_page(), (
        "run: python -m nephoscope_policy.arm.reference_page > docs/reference/arm-functions.md"
    )


def test_the_page_names_every_function() -> None:
    for function in load_registry().values():
        assert f"| `{function.signature}` |" in render_page()
