"""Classes of pages: a style sheet a component, each class in one of them, none that no page uses or that no sheet knows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

import nephoscope.web as package
from nephoscope.web.style_sheet import read_style_sheet

WEB = Path(package.__file__).parent
STYLES = WEB / "static" / "styles"
#: What a component is called by libraries that write their own classes.
FOREIGN = ("cm-", "u-", "uplot")
#: Parts of a class that templates put together: `state--` of a status.
TOGETHER = (
    "columns__",
    "chart-links__node",
    "chart-links__edge--",
    "stat-strip__band--",
    "state--",
    "severity--",
    "chart-part--",
    "chart-fill",
    "chart-line",
    "chart-plot--",
    "chart-arc--",
    "chart-links__node--",
    "data-list__head--",
    "data-list__head--fit",
    "timeline__item--",
    "time-lanes__",
    "time-lanes__mark--",
)
#: Classes that a component may change of another that stands in it: a list in a menu has no edge of its own.
HELD = {
    "chart": {"panel"},
    "context": {"item-list"},
    "field": {"text-code"},
    "filter-bar": {"field__input", "menu"},
    "item-list": {"panel--padded"},
    "menu": {"filter-bar", "item-list", "topbar__avatar"},
    "message-list": {"chain", "panel--padded"},
    "nav": {"icon"},
    "page": {"text-link"},
    "panel": {"text-link"},
    "reveal": {"stack"},
    "disclosure": {"message-list"},
    "stack": {"field__input"},
    "standalone": {"button--primary"},
    "stat-strip": {"panel"},
    "text": {"skip-link", "visually-hidden"},
    "topbar": {"field__input", "icon"},
}
NAME = re.compile(r"\.(-?[A-Za-z_][\w-]*)")


def selectors(sheet: str) -> list[str]:
    """The selectors of a sheet, those in media queries too."""
    flat = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    flat = re.sub(r"@media[^{]*\{", "", re.sub(r"@font-face\s*\{[^}]*\}", "", flat))
    return [
        one.strip()
        for found in re.findall(r"([^{}]+)\{[^{}]*\}", flat)
        for one in found.split(",")
        if one.strip()
    ]


def component(path: Path) -> str:
    """`03-base.css` -> `base`."""
    return re.sub(r"^\d+-", "", path.stem)


def belongs(name: str, block: str) -> bool:
    """Whether a class is the block, an element, or a variant of it."""
    return re.fullmatch(rf"{re.escape(block)}(?:(?:__|--|-)[\w-]+|\d)?", name) is not None or name == block


def strange_classes(block: str, sheet: str) -> list[str]:
    """Classes that a sheet names and that are neither of its component nor held by it."""
    found = {name for one in selectors(sheet) for name in NAME.findall(one)}
    return sorted(
        name for name in found if not belongs(name, block) and name not in HELD.get(block, ()) and not name.startswith(FOREIGN)
    )  # fmt: skip


def classes_in(text: str) -> set[str]:
    """The classes that a template or a module writes; of a name that is put together what stands before the gap."""
    found: set[str] = set()
    for value in re.findall(r'\bclass="((?:\{\{.*?\}\}|\{%.*?%\}|[^"])*)"', text):
        gaps = re.findall(r"\{\{(.*?)\}\}", value)
        bare = re.sub(r"\{\{.*?\}\}", "{}", re.sub(r"\{%.*?%\}", " ", value))
        found.update(re.sub(r"\{.*", "", one) for one in bare.split())
        found.update(
            one
            for gap in gaps
            for one in re.findall(r"""['"] ?([a-z]+(?:-[a-z]+)*(?:(?:__|--)[\w-]+|))['"]""", gap)
            if "-" in one or "_" in one
        )
    return {one for one in found if one}


def written() -> Mapping[str, set[str]]:
    """Class -> the files that write it."""
    found: dict[str, set[str]] = defaultdict(set)
    files = [*WEB.glob("templates/*.html"), *WEB.rglob("*.py"), WEB.parent / "serve" / "error_pages.py"]
    for file in files:
        for name in classes_in(file.read_text(encoding="utf-8")):
            found[name].add(file.name)
    for name in re.findall(r'"(icon[\w -]*)"', (WEB / "rendering" / "icons.py").read_text(encoding="utf-8")):
        for one in name.split():
            found[one].add("icons.py")
    for file in (WEB / "static").glob("*.js"):
        for name in re.findall(
            r'(?:className = |classList.toggle\()"([\w-]+)"', file.read_text(encoding="utf-8")
        ):
            found[name].add(file.name)
    return found


def defined() -> set[str]:
    """The classes of all sheets."""
    return {name for one in selectors(read_style_sheet().decode()) for name in NAME.findall(one)}


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.css")), ids=component)
def test_a_sheet_names_the_classes_of_its_component(path):
    assert strange_classes(component(path), path.read_text(encoding="utf-8")) == []


def test_every_class_that_pages_write_has_a_rule():
    known = defined()
    missing = {
        name: files
        for name, files in written().items()
        if name not in known
        and not any(name == one and any(k.startswith(one) for k in known) for one in TOGETHER)
    }
    assert missing == {}


def test_every_rule_is_of_a_class_that_pages_write():
    used = written()
    unused = {
        name
        for name in defined()
        if name not in used
        and not name.startswith((*FOREIGN, *TOGETHER))
        and not name.startswith("__________")
    }
    assert unused == set()


@pytest.mark.parametrize(
    ("block", "sheet", "strange"),
    [
        ("chart", ".chart-under, .under { display: grid; }", ["under"]),
        ("state", ".state { color: red; } .state--new { color: blue; } .state::before { content: ''; }", []),
        ("nav", ".nav__link .icon { color: red; } .panel { margin: 0; }", ["panel"]),
        ("menu", "@media (max-width: 900px) { .menu { top: 1px; } .page { top: 1px; } }", ["page"]),
    ],
)
def test_the_check_finds_what_it_is_for(block, sheet, strange):
    assert strange_classes(block, sheet) == strange


def test_classes_are_found_in_templates():
    page = '<p class="under text-quiet"><span class="state {{ {"Open": "state--new"}.get(x, "") }}">'
    assert classes_in(page + '<b class="a{% if x %} b--{{ y }}{% endif %}">') == {
        "under",
        "text-quiet",
        "state",
        "state--new",
        "a",
        "b--",
    }
