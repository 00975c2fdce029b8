"""The oracle's runner rejects every mutation of a right answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import builtin_suite as suite
import pytest


@pytest.mark.parametrize(
    ("builtin", "case"),
    [
        ("azure.policy.fn.int", {"args": ["42"], "want": 42}),
        ("azure.policy.fn.float", {"args": [42], "want": 42.0}),
        ("azure.policy.fn.index_of", {"args": ["abc", "C"], "want": 2}),
        ("azure.policy.fn.int_div", {"args": [7, 2], "want": 3}),
        ("azure.policy.logic_all", {"args": [True, True], "want": True}),
        ("azure.policy.if", {"args": [False, 1, "b"], "want": "b"}),
        ("azure.policy.fn.json", {"args": ["null"], "want_null": True}),
        ("azure.policy.fn.json", {"args": ['{"a": [1]}'], "want": {"a": [1]}}),
        ("azure.policy.fn.int", {"args": ["x"], "want_undefined": True}),
        ("azure.policy.fn.int", {"args": ["x"], "want_error": "not a number"}),
        ("azure.policy.get_parameter", {"args": [{}, {"a": 1}, "a"], "want": 1}),
        ("azure.policy.get_parameter", {"args": [{}, {}, "a"], "want_undefined": True}),
        ("azure.policy.resolve_field", {"args": [{"A": [{"b": 5}]}, "a[0].B"], "want": 5}),
        ("azure.policy.resolve_field", {"args": [{}, "a"], "want_undefined": True}),
        ("azure.policy.resolve_field", {"args": [{"tags": {"a.b": 1}}, "tags['A.b']"], "want": 1}),
        ("azure.policy.resolve_field", {"args": [{"a": {"0": 1}}, "a.0"], "want": 1}),
        ("azure.policy.resolve_field", {"args": [5, "a"], "want_undefined": True}),
    ],
)
def test_a_right_answer_matches(builtin: str, case: dict[str, Any]) -> None:
    assert suite.assess(builtin, case)[0]


@pytest.mark.parametrize(
    ("builtin", "case"),
    [
        ("azure.policy.fn.int", {"args": ["42"], "want": 42.0}),
        ("azure.policy.fn.int", {"args": ["42"], "want": "42"}),
        ("azure.policy.fn.int", {"args": ["1"], "want": True}),
        ("azure.policy.fn.int", {"args": ["42"], "want_undefined": True}),
        ("azure.policy.fn.int", {"args": ["42"], "want_error": "x"}),
        ("azure.policy.fn.int", {"args": ["42"], "want_null": True}),
        ("azure.policy.fn.int", {"args": ["x"], "want": 0}),
        ("azure.policy.fn.int", {"args": ["x"], "want_null": True}),
        ("azure.policy.fn.json", {"args": ["null"], "want": ""}),
        ("azure.policy.fn.json", {"args": ['""'], "want_null": True}),
        ("azure.policy.fn.json", {"args": ["null"], "want_undefined": True}),
        ("azure.policy.fn.json", {"args": ['{"a": 1}'], "want": {"A": 1}}),
        ("azure.policy.fn.json", {"args": ["[1, 2]"], "want": [2, 1]}),
        ("azure.policy.fn.json", {"args": ["[1, 2]"], "want": [1]}),
        ("azure.policy.fn.json", {"args": ["[1]"], "want": [1.0]}),
        ("azure.policy.fn.no_such_function", {"args": [], "want_undefined": True}),
        ("azure.policy.fn.int", {"args": ["42"]}),
        ("azure.policy.fn.int", {"args": ["42"], "want": 42, "want_null": True}),
    ],
)
def test_a_wrong_answer_is_a_miss(builtin: str, case: dict[str, Any]) -> None:
    assert not suite.assess(builtin, case)[0]


def test_a_folder_is_run_and_summed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "int.yaml").write_text(
        "builtin: azure.policy.fn.int\n"
        "cases:\n"
        "- {note: right, args: ['4'], want: 4}\n"
        "- {note: wrong, args: ['4'], want: 5}\n"
    )
    assert [(name, matched) for name, matched, _ in suite.run(tmp_path)] == [
        ("int/right", True),
        ("int/wrong", False),
    ]
    assert suite.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == ["MISS  int/wrong: 4; wanted want 5", "1/2 match"]
    assert suite.main([str(tmp_path), "--engine", "empty"]) == 1
    assert suite.main([str(tmp_path), "--engine", "error"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0/2 match"


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    assert suite.main([str(tmp_path)]) == 2
    assert suite.main([str(tmp_path / "none")]) == 2
    assert suite.main([]) == 2
