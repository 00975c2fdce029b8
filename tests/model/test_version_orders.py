"""Versions and ranges: what each scheme orders how, the laws of an order, and the ecosystems' own tools."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.model import version_pairs, version_tools

from nephoscope.model.version_ranges import pypi, vers
from nephoscope.model.version_ranges.syntax_discovery import load_syntaxes, parse_range
from nephoscope.model.versions.errors import VersionError
from nephoscope.model.versions.scheme_discovery import find_scheme, load_schemes

pytestmark = pytest.mark.system

CASES = yaml.load(
    (Path(__file__).parents[1] / "cases/versions.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
TEXTS = st.text(st.sampled_from("01289.-+~^_:!abprcvAZ "), max_size=12)
CHEAP = ("npm", "pypi")
ECOSYSTEMS = [
    pytest.param(name, marks=() if name in CHEAP else pytest.mark.full) for name in version_pairs.PIECES
]


@pytest.mark.parametrize("ecosystem", CASES["rising"])
def test_versions_rise(ecosystem: str) -> None:
    scheme = find_scheme(ecosystem)
    assert scheme
    for older, newer in pairwise(CASES["rising"][ecosystem].split()):
        assert (scheme.compare(older, newer), scheme.compare(newer, older)) == (-1, 1), f"{older} < {newer}"


@pytest.mark.parametrize("ecosystem", CASES["equal"])
def test_spellings_are_equal(ecosystem: str) -> None:
    scheme = find_scheme(ecosystem)
    assert scheme
    for line in CASES["equal"][ecosystem]:
        one, other = line.split()
        assert scheme.compare(one, other) == 0 == scheme.compare(other, one), line


@pytest.mark.parametrize("case", CASES["ranges"], ids=lambda case: f"{case['syntax']} {case['range']}")
def test_a_range_contains_what_it_means(case: dict[str, str]) -> None:
    parsed = parse_range(case["syntax"], case["range"], case.get("ecosystem", case["syntax"]))
    assert [one for one in case.get("in", "").split() if not parsed.contains(one)] == []
    assert [one for one in case.get("out", "").split() if parsed.contains(one)] == []
    if "vers" in case:
        assert vers.write(parsed) == case["vers"]


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: f"{case['syntax']} {case['range']}")
def test_what_is_no_range_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(VersionError, match=case["says"]):
        parse_range(case["syntax"], case["range"], case.get("ecosystem", case["syntax"])).contains("1.0.0")


@pytest.mark.parametrize("name", sorted({scheme.name for scheme in load_schemes().values()} - {"pacman"}))
@given(texts=st.tuples(TEXTS, TEXTS, TEXTS))
def test_an_order_is_total(name: str, texts: tuple[str, str, str]) -> None:
    """Pacman's is none: a missing release equals every one."""
    scheme = next(one for one in load_schemes().values() if one.name == name)
    keys = []
    for text in texts:
        try:
            keys.append(scheme.order(text))
        except VersionError:
            return
    one, two, three = keys
    assert not one < one
    assert (one < two) + (two < one) + (one == two) == 1
    assert not (one < two and two < three) or one < three
    assert not (one == two and two == three) or one == three


@pytest.mark.parametrize("syntax", sorted(load_syntaxes()))
@given(text=st.text(st.sampled_from("01289.-+~^<>=!|,*xX[]() abvers:/"), max_size=24))
def test_every_text_is_a_range_or_refused(syntax: str, text: str) -> None:
    with suppress(VersionError):
        parse_range(syntax, text, "semver").contains("1.2.3")


@pytest.mark.parametrize("ecosystem", ECOSYSTEMS)
def test_the_ecosystems_own_tool_agrees(ecosystem: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    pairs = version_pairs.make_pairs(ecosystem, 12_000 if pytestconfig.getoption("--full") else 1_000)
    judged = (
        version_tools.ask_rpm(pairs, tmp_path)
        if ecosystem == "rpm"
        else version_tools.JUDGES[ecosystem](pairs)
    )
    scheme = find_scheme("rpmvercmp" if ecosystem == "rpm" else ecosystem)
    assert scheme
    wrong, compared = [], 0
    for (one, other), wanted in zip(pairs, judged, strict=True):
        if wanted is None:
            continue
        try:
            found = scheme.compare(one, other)
        except VersionError:
            continue
        compared += 1
        if found != wanted:
            wrong.append((one, other, wanted, found))
    assert wrong == []
    assert compared > len(pairs) / 5


def test_the_scheme_of_an_ecosystem_is_found_as_all_schemes_list_it() -> None:
    assert {name: find_scheme(f"{name.upper()}:1") for name in load_schemes()} == load_schemes()
    assert find_scheme("nonesuch") is None


@pytest.mark.parametrize("ecosystem", sorted(load_schemes()))
def test_a_text_that_is_longer_than_any_version_is_none(ecosystem: str) -> None:
    scheme = load_schemes()[ecosystem]
    assert not scheme.is_valid("9" * 5_000)
    with pytest.raises(VersionError, match="5000 characters"):
        scheme.order("9" * 5_000)


def test_a_version_of_too_many_digits_is_in_no_range() -> None:
    with pytest.raises(VersionError):
        pypi.parse(">=1.0").contains("9" * 5_000)
