"""Classes of the style sheets belong to one component each: a rule for a chart cannot reach a paragraph of the same class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import nephoscope.web as package

WEB = Path(package.__file__).parent
SHEET = WEB / "static" / "nephoscope.css"
CHARTS = ("templates/chart.html", "rendering/charts.py")
#: What a chart may take of the page around it.
SHARED = frozenset({"card", "pad", "quiet", "num", "wrap"})
#: Classes that are put beside the class of a component on purpose: buttons, spacing, errors.
COMBINED = frozenset({"act", "pad", "stack", "wrong"})
NAME = re.compile(r"\.([A-Za-z_][\w-]*)")


def selectors(sheet: str) -> Iterator[list[str]]:
    """The selectors of each rule outside of a media query; those inside change what a rule outside says."""
    flat = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    flat = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", flat)
    for found in re.findall(r"([^{}]+)\{[^{}]*\}", flat):
        yield [one.strip() for one in found.split(",")]


def compounds(selector: str) -> list[str]:
    """`.card > p.wrong:hover` -> `.card`, `p.wrong`."""
    bare = re.sub(r"::?[\w-]+(\([^)]*\))?|\[[^\]]*\]", "", selector)
    return [one for one in re.split(r"[\s>+~]+", bare) if one]


def faults_of(sheet: str) -> list[str]:
    """Classes that a sheet defines twice, or uses both as a component and as a variant of another."""
    whole = re.compile(r"^\.[\w-]+$")
    rules = list(selectors(sheet))
    homes = Counter(one[1:] for several in rules for one in several if whole.match(one))
    twice = [f".{name} has {count} rules" for name, count in sorted(homes.items()) if count > 1]
    variants = {
        name
        for several in rules
        for selector in several
        for part in compounds(selector)
        for name in NAME.findall(part)[1:]
    }
    both = sorted((variants & homes.keys()) - COMBINED)
    return twice + [f".{name} is a component and a variant of another" for name in both]


def classes_in(text: str) -> set[str]:
    """The classes that a template or a module writes; of a name that is put together what stands before the gap."""
    found: set[str] = set()
    for value in re.findall(r'\bclass="([^"]*)"', text):
        bare = re.sub(r"\{%.*?%\}", " ", value)
        found.update(re.sub(r"\{\{?.*?\}\}?", "", one) for one in re.sub(r"\{\{.*?\}\}", "{}", bare).split())
    return {one for one in found if one}


def of_templates() -> Mapping[str, set[str]]:
    """File -> the classes that it writes."""
    files = [*WEB.glob("templates/*.html"), *WEB.glob("*.py")]
    return {str(one.relative_to(WEB)): classes_in(one.read_text(encoding="utf-8")) for one in files}


def mixed(used: Mapping[str, set[str]]) -> list[str]:
    """Classes that charts share with pages, by accident."""
    wrong = []
    for file, names in sorted(used.items()):
        charts = {one for one in names if one.startswith("chart-")}
        if file in CHARTS:
            wrong += [f"{file}: {one}" for one in sorted(names - charts - SHARED - {"chart"})]
    return wrong


def test_a_class_has_one_rule_and_one_meaning():
    assert faults_of(SHEET.read_text(encoding="utf-8")) == []


def test_charts_have_their_own_classes():
    assert mixed(of_templates()) == []


def test_rules_of_charts_name_no_class_of_pages():
    wrong = [
        selector
        for several in selectors(SHEET.read_text(encoding="utf-8"))
        for selector in several
        if (names := set(NAME.findall(selector))) and any(one.startswith("chart-") for one in names)
        if {one for one in names if not one.startswith("chart-")} - {"card"}
    ]
    assert wrong == []


def test_the_sheet_has_every_class_of_a_chart():
    known = set(NAME.findall(SHEET.read_text(encoding="utf-8")))
    written = {one for file, names in of_templates().items() if file in CHARTS for one in names}
    missing = {
        one for one in written if one.startswith("chart-") and not any(each.startswith(one) for each in known)
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("sheet", "fault"),
    [
        (".crumbs, .under { margin: 0; } .under { display: flex; }", ".under has 2 rules"),
        (
            ".columns { columns: 4; } .plot.columns { overflow: visible; }",
            ".columns is a component and a variant of another",
        ),
        (".state { color: red; } .state.new { color: blue; }", ""),
        (".menu { top: 0; } @media (max-width: 900px) { .menu { top: 1px; } }", ""),
    ],
)
def test_the_check_finds_what_it_is_for(sheet, fault):
    assert faults_of(sheet) == ([fault] if fault else [])


def test_the_check_finds_a_class_of_pages_in_a_chart():
    page = '<p class="under quiet">'
    chart = '<ul class="under{% if x %} chart-under--timed{% endif %}"><rect class="chart-fill{{ n }}">'
    used = {"templates/base.html": classes_in(page), "templates/chart.html": classes_in(chart)}
    assert mixed(used) == ["templates/chart.html: under"]
