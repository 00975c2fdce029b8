"""Versions and pins, from a table; any version is selected by its own pins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope_policy.version import Pin, Version, choose_newest

TABLE = json.loads((Path(__file__).parent / "cases/versions.json").read_text())


@pytest.mark.parametrize("case", TABLE["selects"], ids=lambda case: f"{case['pin']} {case['version']}")
def test_selects(case: dict) -> None:
    assert Pin.parse(case["pin"]).selects(Version.parse(case["version"])) is case["want"]


@pytest.mark.parametrize("text", TABLE["refused"])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a version pin"):
        Pin.parse(text)


@pytest.mark.parametrize("case", TABLE["newest"], ids=str)
def test_newest(case: dict) -> None:
    pin = Pin.parse(case["pin"]) if case["pin"] else None
    assert choose_newest([(Version.parse(text), text) for text in case["held"]], pin) == case["want"]


NUMBERS = st.integers(0, 10**6)


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["", "preview", "deprecated"]))
def test_a_version_is_selected_by_its_own_pins(major: int, minor: int, patch: int, suffix: str) -> None:
    version = Version(major, minor, patch, suffix)
    assert Version.parse(str(version)) == version
    tail = "-preview" if suffix == "preview" else ""
    for text in (
        f"{major}.{minor}.{patch}{tail}",
        f"{major}.{minor}.*{tail}",
        f"{major}.*.*{tail}",
        f"*.*.*{tail}",
    ):
        pin = Pin.parse(text)
        assert pin.selects(version)
        assert str(pin) == text
