"""What rules say of ATT&CK, as numbers, as a page, as a layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nephoscope.alerts.library.attack_coverage import (
    NO_TECHNIQUE,
    CoverageRule,
    TechniqueCoverage,
    build_matrix,
    build_navigator_layer,
    build_technique_cells,
    count_by_tactic,
    list_tactic_techniques,
    load_techniques,
    render_markdown,
)
from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.tactics import TACTICS
from nephoscope.cli.main import cli
from nephoscope_policy.model.source_location import Place

CHECKOUT = Path(__file__).parent / "checkout"


def rule(
    name: str, tactics: tuple[str, ...], techniques: tuple[str, ...], kind: RuleKind = RuleKind.SCHEDULED
) -> CoverageRule:
    return CoverageRule(AnalyticRule(name, name, "T", kind=kind, tactics=tactics, techniques=techniques))


SOURCES = [
    rule("b", ("Impact", "InitialAccess"), ("T1078",)),
    rule("a", ("InitialAccess",), ("t1078", "T1078.004")),
    rule("h", ("InitialAccess",), ("T1078",), RuleKind.HUNTING),
    rule("nothing", (), ()),
]


def test_a_cell_for_each_pair_in_the_order_of_the_kill_chain() -> None:
    assert build_technique_cells(SOURCES) == [
        TechniqueCoverage("InitialAccess", "T1078", ("a", "b"), ("h",)),
        TechniqueCoverage("InitialAccess", "T1078.004", ("a",), ()),
        # T1078 is no technique of Impact, of which the rule says nothing more
        TechniqueCoverage("Impact", "(no technique)", ("b",), ()),
        TechniqueCoverage("(no tactic)", "(no technique)", ("nothing",), ()),
    ]
    assert count_by_tactic(build_technique_cells(SOURCES))[0] == {
        "tactic": "InitialAccess",
        "techniques": 2,
        "detections": 2,
        "hunting": 1,
    }


def test_a_layer_scores_each_technique_once() -> None:
    layer = build_navigator_layer(build_technique_cells(SOURCES), "ours")
    assert [(one["techniqueID"], one["score"]) for one in layer["techniques"]] == [
        ("T1078", 3),
        ("T1078.004", 1),
    ]
    assert layer["techniques"][0]["comment"] == "a\nb\nhunting: h"
    assert (layer["domain"], layer["versions"]["layer"], layer["gradient"]["maxValue"]) == (
        "enterprise-attack",
        "4.5",
        3,
    )


def test_tactics_are_spelled_as_sentinel_does() -> None:
    given = {
        "id": "x",
        "name": "x",
        "query": "T",
        "tactics": ["Privilege escalation", "PrivilegeEscalation", "Ransomware"],
    }
    assert AnalyticRule.parse(given, Place("rule.yaml")).tactics == ("PrivilegeEscalation", "Ransomware")


def test_a_page_links_each_technique() -> None:
    text = "\n".join(render_markdown(build_technique_cells([rule("a | <b>", ("Impact",), ("T1078.004",))])))
    assert (
        "[T1078.004](https://attack.mitre.org/techniques/T1078/004/) Valid Accounts | a \\| &lt;b> |" in text
    )


def test_what_attack_does_not_know_stands_where_its_rule_says() -> None:
    assert list(list_tactic_techniques(rule("x", ("Impact",), ("T9999",)).rule)) == [("Impact", "T9999")]
    assert list(list_tactic_techniques(rule("x", ("Impact",), ("T1078",)).rule)) == [("Impact", "T1078")]
    assert list(list_tactic_techniques(rule("x", (), ("T1078",)).rule)) == [("(no tactic)", "T1078")]


def test_techniques_are_of_tactics_that_rules_can_have() -> None:
    assert {tactic for one in load_techniques().values() for tactic in one["tactics"]} <= set(
        TACTICS.values()
    )
    used = {technique.partition(".")[0] for one in load_shipped_rules().rules for technique in one.techniques}
    assert not used - load_techniques().keys(), "add them to content/attack/techniques.json"


def run(data: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["--data", str(data), "content", *arguments])
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    run(tmp_path / "data", "import", str(CHECKOUT), code=3)
    return tmp_path / "data"


def found(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["tactic"], one["technique"]): one for one in json.loads(text)["techniques"]}


def test_imported_rules_count_once_they_are_on(data: Path) -> None:
    key = ("CommandAndControl", "T1071")
    before = found(run(data, "coverage", "-o", "json")).get(key, {"detections": []})
    assert "Acme denied many sessions" not in before["detections"]
    assert (
        "Acme denied many sessions" in found(run(data, "coverage", "--all", "-o", "json"))[key]["detections"]
    )
    run(data, "enable", "checkout")
    assert "Acme denied many sessions" in found(run(data, "coverage", "-o", "json"))[key]["detections"]
    hunted = found(run(data, "coverage", "-o", "json"))["InitialAccess", "T1078"]["hunting"]
    assert "Sign-ins from a country that is rare here" in hunted
    assert "InitialAccess" in run(data, "coverage")
    assert run(data, "coverage", "-o", "markdown").startswith("# ATT&CK coverage\n")
    assert json.loads(run(data, "coverage", "-o", "navigator"))["techniques"]


def test_without_anything_imported_the_shipped_ones_count(tmp_path: Path) -> None:
    assert found(run(tmp_path, "coverage", "-o", "json"))
    assert list(tmp_path.iterdir()) == []


def test_every_imported_rule_is_told_with_how_it_stands_today(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the shipped content has its own test; here nothing of it is run
    monkeypatch.setattr("nephoscope.posture.policies.content_test.check", lambda _: [])
    monkeypatch.setattr(
        "nephoscope.alerts.rules.rule_files.locate_rules_folder", lambda: CHECKOUT / "Workbooks"
    )
    monkeypatch.setattr(
        "nephoscope.alerts.library.hunting.locate_hunting_folder", lambda: CHECKOUT / "Hunting Queries"
    )
    text = run(data, "test", "-v", code=1)  # the queries of the checkout have no rows beside them
    assert (
        "checkout: 13 imported rules and queries: 6 needs table (no rows in this workspace yet), 5 refused"
        in text
    )
    assert "needs AcmeAudit_CL, AcmeUsers_CL (unknown)" in text
    (data / "tables.json").write_text(
        json.dumps(
            {
                "name": "AcmeAudit_CL",
                "columns": {"TimeGenerated": "datetime", "Action_s": "string", "User_s": "string"},
            }
        )
    )
    result = CliRunner().invoke(cli, ["--data", str(data), "tables", "import", str(data / "tables.json")])
    assert result.exit_code == 0, result.output
    assert "needs AcmeUsers_CL (unknown)" in run(data, "test", "-v", code=1)


def test_the_matrix_has_all_techniques_of_a_tactic_and_counts_those_below_them():
    found = [
        TechniqueCoverage("Persistence", "T1098.001", ("a",), ()),
        TechniqueCoverage("Persistence", "T1098", ("a", "b"), ("h",)),
        TechniqueCoverage("Persistence", NO_TECHNIQUE, ("c",), ()),
    ]
    columns = {one.tactic: one for one in build_matrix(found)}
    size = sum("Persistence" in one["tactics"] for one in load_techniques().values())
    assert len(columns["Persistence"].techniques) == size
    assert columns["Persistence"].count_covered == 1
    first = columns["Persistence"].techniques[0]
    assert (first.id, first.detections, first.hunting) == ("T1098", 2, 1)
    assert columns["Impact"].count_covered == 0
