"""Help: every page of the documentation is shown, its links lead somewhere, and nothing beside it is read."""

from __future__ import annotations

import re

import pytest

from nephoscope.state import NotFoundError
from nephoscope.web.rendering.guide_pages import SHIPPED, get_guide_folder, group_guides, read_guide

NAMES = sorted(
    str(path.relative_to(get_guide_folder()))
    for path in get_guide_folder().rglob("*.md")
    if path.relative_to(get_guide_folder()).parts[0] in SHIPPED
)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_the_documentation_is_drawn(name: str) -> None:
    title, body = read_guide(name)
    assert title
    assert "style=" not in body
    assert "<script" not in body
    for target in re.findall(r'href="/help/([^"#]+)', body):
        assert target in NAMES, f"{name} links {target}"
    assert not re.search(r'href="(?!/help/|https?://|#)', body)


def test_help_lists_the_guides_and_reads_nothing_else(owner) -> None:
    listed = owner.get("/help").text
    assert all(f"/help/{one.path}" in listed for group in group_guides().values() for one in group)
    guides = {f"guides/{path.name}" for path in get_guide_folder().glob("guides/*.md")}
    assert {one.path for group in group_guides().values() for one in group} == guides
    assert "<h2 id=" in owner.get("/help/guides/sources.md").text
    for name in ("guides/none.md", "decisions/README.md", "guides/sources"):
        assert owner.get(f"/help/{name}").status_code == 404
    with pytest.raises(NotFoundError):
        read_guide("guides/../../README.md")


def test_a_source_tells_its_sender_what_to_set_up(owner) -> None:
    text = owner.get("/sources/logs/drop").text
    assert 'id="sender"' in text
    assert "/help/guides/sources.md" in text
