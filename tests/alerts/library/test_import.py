"""Content of others: what is found in a checkout, how each rule stands, and what a person switches on is run."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nephoscope.alerts.library.content_discovery import read
from nephoscope.alerts.library.content_item import ContentKind
from nephoscope.alerts.library.content_packs import build_slug
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError, MatchingMethod
from nephoscope.cli.main import cli

CHECKOUT = Path(__file__).parent / "checkout"
NOW = datetime.now(UTC)
#: What content calls its fields.
KEYS = [
    "id", "name", "query", "kind", "queryFrequency", "version", "entityMappings", "tactics", "ParserQuery",
    "ParserName", "ParserParams", "resources", "value", "type", "properties", "parameters", "variables",
    "$schema", "title", "logsource", "detection", "condition", "correlation", "level", "tags", "Name", "Type",
    "Default",
]  # fmt: skip


def run(data: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CHECKOUT, tmp_path / "checkout"))


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `data` with a log, to be copied."""
    folder = tmp_path_factory.mktemp("ingested")
    event = {
        "time": (NOW - timedelta(minutes=10)).isoformat(),
        "resourceId": "/SUBSCRIPTIONS/11111111-1111-1111-1111-111111111111/RESOURCEGROUPS/RG",
        "operationName": "MICROSOFT.AUTHORIZATION/LOCKS/DELETE",
        "category": "Administrative",
        "resultType": "Success",
        "callerIpAddress": "203.0.113.4",
        "identity": {"claims": {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "kim@contoso.com"}},
    }  # fmt: skip
    (folder / "PT1H.json").write_text(json.dumps({"records": [event]}))
    run(folder / "data", "ingest", str(folder / "PT1H.json"))
    return folder


@pytest.fixture
def data(ingested: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(ingested, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def statuses(output: str) -> dict[str, str]:
    return {row["name"] or Path(row["file"]).name: row["status"] for row in json.loads(output)}


def test_a_rule_without_a_title_is_called_by_its_name(tmp_path: Path) -> None:
    kind = "Microsoft.OperationalInsights/workspaces/providers/alertRules"
    names = (
        "[concat(parameters('workspace'),'/Microsoft.SecurityInsights/BuiltInFusion')]",
        "[concat(nothing(),'/a')]",
    )
    resources = [
        {"name": name, "type": kind, "kind": "Fusion", "properties": {"enabled": True}} for name in names
    ]
    document = {
        "$schema": "deploymentTemplate.json#",
        "parameters": {"workspace": {"type": "string"}},
        "resources": resources,
    }
    (tmp_path / "rules.json").write_text(json.dumps(document))
    rows = json.loads(
        run(tmp_path / "data", "content", "import", str(tmp_path / "rules.json"), "-o", "json", code=3).stdout
    )
    assert [row["name"] for row in rows] == ["builtinfusion", names[1]]


def test_every_document_of_a_checkout_is_told_with_how_it_stands(data: Path) -> None:
    rows = json.loads(run(data, "content", "import", str(CHECKOUT), "-o", "json", code=3).stdout)
    found = {row["name"]: row["status"] for row in rows}
    assert found.pop("A lock was removed") == "runs"
    assert found.pop("Policy assignment removed") == "runs"
    assert found.pop("Elevated access") == "runs"
    assert found.pop("Sign-ins from a country that is rare here") == "needs SigninLogs (no rows yet)"
    assert found.pop("New guests") == "needs AuditLogs (no rows yet)"
    assert found.pop("Acme denied many sessions") == "needs CommonSecurityLog (no rows yet)"
    assert found.pop("Acme's own table") == "needs AcmeAudit_CL, AcmeUsers_CL (unknown)"
    assert "line 2, column 9: no column or variable is named 'Callers'" in found.pop(
        "A rule over a column that is not there"
    )
    assert found.pop("A rule with a frequency that nobody understands").startswith(
        "refused: queryFrequency: 'often' is not a duration"
    )
    assert found.pop("bbbbbbbb-0000-4000-8000-000000000002") == (
        "unsupported: rules of kind Fusion are not run here; Scheduled and NRT are"
    )
    assert "parameter 'nowhere' not found" in found.pop("[parameters('nowhere')]")
    assert "AcmeBroken" in found
    assert found.pop("AcmeBroken").startswith("refused: line 1")
    unread = found.pop("")
    assert unread.startswith("refused: not YAML")
    saved = {"AcmeWebSession", "_Im_WebSession_Acme", "OwnCallers", "Vips"}
    assert found == dict.fromkeys(saved, "saved")
    place = next(row["file"] for row in rows if row["status"] == unread)
    assert place.endswith("NotYaml.yaml:3:6")
    assert not [row for row in rows if "Package" in row["file"] or "Workbooks" in row["file"]]


def test_functions_and_watchlists_are_the_workspaces(data: Path) -> None:
    run(data, "content", "import", str(CHECKOUT), code=3)
    assert "kim@contoso.com" in run(data, "query", "OwnCallers(1) | project Caller", "-o", "csv").stdout
    assert run(data, "query", "AcmeWebSession(result='x') | count", "-o", "csv").stdout.split()[-1] == "0"
    assert "Board" in run(data, "query", "_GetWatchlist('Vips') | project Team", "-o", "csv").stdout
    assert "Vips" in run(data, "watchlists", "list", "-o", "csv").stdout


def test_what_a_template_says_is_what_the_rule_does() -> None:
    pieces = {one.id: one for one in read(CHECKOUT / "Exports").pieces if one.kind is ContentKind.RULE}
    piece = pieces["bbbbbbbb-0000-4000-8000-000000000001"]
    rule = AnalyticRule.parse(piece.document, piece.place)
    assert (rule.name, rule.threshold, rule.operator) == ("Policy assignment removed", 4, "gt")
    assert (rule.frequency, rule.period) == (timedelta(hours=1), timedelta(hours=2))
    assert rule.techniques == ("T1562", "T1562.008")
    assert rule.description == "[as it is] in brackets"
    assert (rule.incidents.matching, rule.one_alert_a_row) == (MatchingMethod.ANY_ALERT, True)
    assert str(piece.place).endswith("export.json at resources[0]")


def detected(data: Path) -> list[str]:
    """The imported rules that are run; one that is not enabled is refused by its name."""
    names = [one.id for one in read(CHECKOUT).pieces if one.kind is ContentKind.RULE]
    found = []
    for name in names:
        arguments = ["--data", str(data), "detect", "--at", NOW.isoformat(), "-o", "json", "--rule", name]
        result = CliRunner().invoke(cli, arguments)
        if result.exit_code == 2:
            assert f"no enabled rule has the ID or name {name!r}" in result.stderr
        else:
            found += [row["rule"] for row in json.loads(result.stdout)]
    return found


@pytest.mark.full
def test_an_imported_rule_runs_once_a_person_switched_it_on(data: Path) -> None:
    run(data, "content", "import", str(CHECKOUT), "--name", "Acme Pack", code=3)
    assert detected(data) == []
    run(data, "content", "enable", "a lock was removed")
    assert detected(data) == ["A lock was removed"]
    assert "A lock was removed" in run(data, "alerts", "list").stdout
    run(data, "content", "disable", "aaaaaaaa-0000-4000-8000-000000000001")
    assert detected(data) == []
    run(data, "content", "enable", "acme-pack")
    run(data, "content", "disable", "Acme's own table", "A rule over a column that is not there")
    run(data, "content", "disable", "A rule with a frequency that nobody understands")
    # the rule that was exported as off stays off with its pack
    assert sorted(detected(data)) == ["Acme denied many sessions", "Policy assignment removed"]
    rows = json.loads(run(data, "content", "list", "--rules", "acme-pack", "-o", "json").stdout)
    assert {row["name"]: row["on"] for row in rows}["Elevated access"] is False
    assert {row["name"]: row["on"] for row in rows}["Acme denied many sessions"] is True


def test_enabled_at_once(data: Path) -> None:
    path = CHECKOUT / "Detections/AzureActivity/LockRemoved.yaml"
    said = run(data, "content", "import", str(path), "--enable").stdout
    assert "lockremoved: 1 rule," in said
    assert "its rules are enabled" in said
    assert detected(data) == ["A lock was removed"]


def test_a_shipped_rule_is_switched_off(data: Path) -> None:
    rows = json.loads(run(data, "content", "list", "--rules", "-o", "json").stdout)
    one = next(row for row in rows if row["on"])
    run(data, "content", "disable", one["id"])
    chosen = ("detect", "--at", NOW.isoformat(), "--rule", one["id"], "-o", "json")
    assert json.loads(run(data, *chosen).stdout) == []
    run(data, "content", "enable", one["id"])
    assert [row["id"] for row in json.loads(run(data, *chosen).stdout)] == [one["id"]]


def test_a_second_import_tells_what_is_new(data: Path, checkout: Path) -> None:
    run(data, "content", "import", str(checkout), code=3)
    assert "unchanged" in run(data, "content", "import", str(checkout), code=3).stdout
    lock = checkout / "Detections/AzureActivity/LockRemoved.yaml"
    lock.write_text(lock.read_text().replace("version: 1.0.0", "version: 1.1.0").replace("Medium", "High"))
    (checkout / "Solutions/Acme/Analytic Rules/AcmeRaw.yaml").unlink()
    (checkout / "Parsers/ASimSample/Parsers/AcmeWeb.yaml").unlink()
    hunting = checkout / "Hunting Queries/SigninLogs/RareCountry.yaml"
    (hunting.parent / "Second.yaml").write_text(
        hunting.read_text().replace("0000000005", "0000000009").replace("is rare here", "is rarer")
    )
    said = run(data, "content", "import", str(checkout), "-v", code=3).stdout
    assert "1 new, 1 changed, 3 removed" in said
    assert "changed: A lock was removed (1.0.0 -> 1.1.0)" in said
    assert "removed: AcmeWebSession" in said
    assert "needs AcmeWebSession (unknown)" in said
    run(data, "query", "AcmeWebSession", code=2)


def test_a_function_of_the_workspace_stays(data: Path, checkout: Path) -> None:
    run(data, "content", "import", str(checkout / "Exports"), "--name", "first", code=3)
    rest = checkout / "Exports/rest.json"
    rest.write_text(rest.read_text().replace("Count >= least", "Count > least"))
    said = run(data, "content", "import", str(rest), "--name", "second", code=3).stdout
    assert "already has another function OwnCallers, which is kept" in said


@pytest.mark.full
def test_a_pack_goes_with_its_functions(data: Path) -> None:
    run(data, "content", "import", str(CHECKOUT), "--name", "acme", "--enable", code=3)
    assert "pack 'nope' not found" in run(data, "content", "remove", "acme", "nope", code=2).stderr
    run(data, "query", "OwnCallers(1)")
    run(data, "content", "remove", "acme")
    assert detected(data) == []
    run(data, "query", "OwnCallers(1)", code=2)
    assert "pack 'acme' not found" in run(data, "content", "remove", "acme", code=2).stderr
    assert json.loads(run(data, "content", "list", "--rules", "acme", "-o", "json").stdout) == []


def test_listed_for_a_program(data: Path) -> None:
    run(data, "content", "import", str(CHECKOUT), code=3)
    packs = json.loads(run(data, "content", "list", "--packs", "-o", "json").stdout)
    assert [(one["name"], one["holds"]) for one in packs] == [("checkout", "rules")]
    titles = json.loads(run(data, "content", "list", "-o", "json", "secure transfer").stdout)
    assert titles == [] or set(titles[0]) == {"name", "version", "title"}
    assert run(data, "content", "list", "-o", "csv").stdout.startswith("name,version,title\n")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", 'x: !!bool "x"', "does not fit its tag"),
        ("a.yaml", 'x: !!int ""', "does not fit its tag"),
        ("a.yaml", 'x: !!timestamp "x"', "does not fit its tag"),
        ("a.yaml", "query: T\ncustomDetails: {2026-01-01: User}", "keys must be str"),
        ("a.yaml", "x: &a [*a]", "more than 100,000 values"),
        ("a.json", '{"query": "T", "name": "s\\ud800"}', "unpaired surrogate"),
        ("a\udcff.yaml", "query: T", "its name is not UTF-8"),
    ],
    ids=["bool", "int", "time", "a date as a key", "itself", "unpaired surrogate", "a name"],
)
def test_a_file_that_cannot_be_used_stops_no_other(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "good.yaml").write_text(
        (CHECKOUT / "Detections" / "AzureActivity" / "LockRemoved.yaml").read_text()
    )
    found = read(tmp_path)
    assert [said in reason for one in found.unread for reason in one.reasons] == [True]
    assert len(found.pieces) == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), _VALUES, max_size=8), st.sampled_from([".yaml", ".json"]))
def test_no_document_ends_in_a_fault(tmp_path: Path, document: dict[str, Any], suffix: str) -> None:
    """Whatever a document holds under the names of content: it is taken, or told why not, or passed over."""
    folder = tmp_path / "fuzz"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / f"one{suffix}"
    path.write_text(json.dumps(document) if suffix == ".json" else yaml.safe_dump(document))
    found = read(path)
    for piece in found.pieces:
        assert piece.id
        assert piece.hash
        with contextlib.suppress(AnalyticRuleError):
            AnalyticRule.parse(piece.document, piece.place)


WHOLE = [
    *(json.loads((CHECKOUT / "Exports" / name).read_text()) for name in ("export.json", "rest.json")),
    yaml.load((CHECKOUT / "Parsers/ASimSample/Parsers/AcmeWeb.yaml").read_text(), yaml.CSafeLoader),
    *(
        yaml.load(path.read_text(), yaml.CSafeLoader)
        for path in sorted((CHECKOUT.parent / "sigma").glob("[a-c]*.yml"))
    ),
]


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(one for key, each in inner for one in spots(each, (*path, key)))]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_spoilt_document_ends_in_a_fault(tmp_path: Path, data: st.DataObject) -> None:
    """A document of each kind in which one value is another."""
    document = json.loads(json.dumps(data.draw(st.sampled_from(WHOLE)), default=str))
    *above, last = data.draw(st.sampled_from(spots(document)))
    holder = document
    for step in above:
        holder = holder[step]
    holder[last] = data.draw(_VALUES)
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(document))
    found = read(path)
    assert all(piece.id and piece.hash for piece in found.pieces)
    assert all(one.reasons for one in (*found.unusable, *found.unread))


def test_shown_by_name(data: Path) -> None:
    run(data, "content", "import", str(CHECKOUT), code=3)
    document = json.loads(run(data, "content", "show", "Elevated access").stdout)
    assert (document["kind"], document["pack"]) == ("NRT", build_slug(CHECKOUT.name))


Spoil = Callable[[Path], Any]
SPOILT: list[tuple[str, Spoil, str]] = [
    ("an unknown name", lambda data: ("enable", "nobody"), "rule or pack 'nobody' not found"),
    ("no usable content", lambda data: ("import", str(data / "lake"), "--kind", "rules"), "no rule, hunting query"),
    (
        "a spoilt pack",
        lambda data: (data.joinpath("content", "detections", "checkout.pack").write_bytes(b"x"), ("list", "--rules"))[1],
        "not a readable pack",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), [one[1:] for one in SPOILT], ids=[one[0] for one in SPOILT])
def test_what_cannot_be_meant(spoil: Spoil, said: str, data: Path) -> None:
    run(data, "content", "import", str(CHECKOUT), code=3)
    assert said in run(data, "content", *spoil(data), code=2).stderr


def test_hostile_files_stop_no_other(tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(
        "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}]\n" for n in range(40))
    )
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff\nquery: T\n")
    (tmp_path / "large.yaml").write_text("#" * ((1 << 20) + 1))
    (tmp_path / "link.yaml").symlink_to("/etc/passwd")
    (tmp_path / "loop.json").write_text(
        json.dumps({
            "$schema": "x", "variables": {"a": "[variables('b')]", "b": "[variables('a')]"},
            "resources": [
                {"type": "Microsoft.SecurityInsights/alertRules", "name": "n", "properties": {"query": "[variables('a')]"}}
            ],
        })
    )  # fmt: skip
    shutil.copy(CHECKOUT / "Detections/AzureActivity/LockRemoved.yaml", tmp_path / "rule.yaml")
    found = read(tmp_path)
    assert [one.name for one in found.pieces] == ["A lock was removed"]
    assert [Path(one.source).name for one in found.unusable] == ["loop.json"]
    assert {Path(one.source).name for one in found.unread} == {
        "bomb.yaml", "deep.json", "latin.yaml", "large.yaml",
    }  # fmt: skip


def test_an_id_that_two_rules_have_is_told_with_the_one_that_was_taken(tmp_path: Path) -> None:
    rule = {"id": "A1", "name": "One", "query": "print 1", "queryFrequency": "1h", "queryPeriod": "1h"}
    texts = [yaml.safe_dump(rule | changes) for changes in ({}, {"id": "a1", "name": "Two"})]
    (tmp_path / "one.yaml").write_text("---\n".join(texts))
    (tmp_path / "three.yaml").write_text(yaml.safe_dump(rule | {"name": "Three"}))
    found = read(tmp_path)
    assert [one.name for one in found.pieces] == ["One"]
    assert [(one.name, one.place.file, one.reasons) for one in found.unusable] == [
        ("Two", str(tmp_path / "one.yaml"), ("id a1 is also that of 'One' further up in this file, which was taken",)),
        ("Three", str(tmp_path / "three.yaml"), ("id a1 is also that of 'One' in one.yaml, which was taken",)),
    ]  # fmt: skip


@pytest.mark.parametrize("lacking", ["id", "name"])
def test_what_a_rule_lacks_is_named(tmp_path: Path, lacking: str) -> None:
    rule = {"id": "a1", "name": "One", "query": "print 1", lacking: None}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(rule))
    assert [one.reasons for one in read(tmp_path).unusable] == [(f"{lacking} is missing",)]
