"""Every row of tests/cases/arm, compiled and interpreted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nephoscope_policy.arm import ArmError, ArmSyntaxError, parse

CASES = Path(__file__).parents[1] / "cases" / "arm"


def rows() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for place, row in enumerate(yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)):
            found.append(pytest.param(path.stem, row, id=f"{path.stem}-{place + 1}"))
    return found


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def outcome(evaluate: Any) -> tuple[str, Any]:
    try:
        return "out", evaluate()
    except ArmError as error:
        return ("error", str(error)) if error.offset > 0 else ("an error without a place", str(error))


@pytest.mark.sampled(3, each="family")
@pytest.mark.parametrize(("family", "row"), rows())
def test_row(family: str, row: dict[str, Any]) -> None:
    if family == "syntax":
        check_syntax(row)
        return
    expression = parse(row["in"])
    compiled = outcome(lambda: expression.compile({})(None))
    interpreted = outcome(lambda: expression.interpret({}, None))
    assert compiled[0] == interpreted[0]
    assert same(compiled[1], interpreted[1])
    if "error" in row:
        assert compiled[0] == "error", compiled
        assert row["error"] in compiled[1]
    else:
        assert compiled[0] == "out", compiled
        assert same(compiled[1], row["out"]), compiled[1]


def check_syntax(row: dict[str, Any]) -> None:
    if "tree" in row:
        assert str(parse(row["in"])) == row["tree"]
        return
    with pytest.raises(ArmSyntaxError) as caught:
        parse(row["in"])
    assert row["error"] in caught.value.message
    assert caught.value.offset == row["offset"]


def test_there_are_hundreds_of_rows() -> None:
    assert len(rows()) > 400
