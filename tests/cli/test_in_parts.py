"""A scan in parts says, byte for byte, what the scan in one piece says: every output, option, code, and what it remembers."""

from __future__ import annotations

import json
import runpy
import tempfile
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.sample.some_subscriptions import copy_some

from nephoscope.cli.main import cli
from nephoscope.cli.outputs import list_formats
from nephoscope.collect.resources import SnapshotSpool
from nephoscope.estate.estate_store import EstateStore
from nephoscope.posture.history import history as history_module
from nephoscope.posture.history.history import History
from nephoscope.posture.reports.row_ledger import RowLedger
from nephoscope.posture.scans import partitioned_scan

TESTS = Path(__file__).parents[1]
CASES = TESTS / "cases" / "journeys" / "second_snapshot"
CONTENT = TESTS / "cases" / "sets" / "content"
SAMPLE = Path(str(files("nephoscope.content") / "sample" / "snapshot"))
PIECE = ("--in-parts", "never")
#: A subscription a part: no part can be smaller.
PARTS = ("--in-parts", "always", "--part-size", "1")
JUDGED_BY: dict[str, tuple[object, ...]] = {
    "own": (),
    "assigned": ("--assigned",),
    "policies": ("--policies", CONTENT),
    "initiative": ("--policies", CONTENT, "--initiative", "baseline"),
}
AT = ("--at", "2026-11-24T10:00:00Z")


def every_format(*always: str) -> list[Any]:
    """The formats of the output; those that are not `always` looked at belong to the full counts."""
    return [pytest.param(one, marks=() if one in always else pytest.mark.full) for one in list_formats()]


def scan(data: Path, *arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), "scan", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def both(tmp_path: Path, *arguments: object) -> Result:
    """Run both ways in data folders of their own, and hold that they agree on everything a person or a pipeline sees."""
    piece = scan(tmp_path / "piece", *arguments, *PIECE)
    parts = scan(tmp_path / "parts", *arguments, *PARTS)
    assert parts.stdout == piece.stdout
    assert parts.stderr == piece.stderr
    assert parts.exit_code == piece.exit_code
    return piece


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the parts lie; nothing is left behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, list[dict[str, Any]]], Path]:
    make = runpy.run_path(str(TESTS / "sample" / "second_snapshot.py"))["write"]
    folder = tmp_path_factory.mktemp("snapshots")

    def write(name: str, changes: list[dict[str, Any]]) -> Path:
        file = folder / f"{name}.json"
        file.write_text(json.dumps({"changes": changes}))
        snapshot: Path = make(file, folder / name)
        return snapshot

    return write


def record(subscription: int, path: str, version: str = "", **body: Any) -> str:
    id_ = f"/subscriptions/{subscription}/resourceGroups/G/providers/{path}"
    resource = {"id": id_, "properties": {}, **body}
    return json.dumps({"resource": resource, "api_version": version} if version else resource)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Broken records, doubles, children, hostile names and values, a gap, and what judges and exempts within the estate."""
    folder = tmp_path_factory.mktemp("faulty")
    storage = "Microsoft.Storage/storageAccounts"
    subnet = {"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}
    odd = {
        "deep": [1.0, -0.0, 1e300, 2**63, None, {"": "\u2028 \x7f \U0001f600"}],
        "minimumTlsVersion": "TLS1_0",
    }
    definition = "/subscriptions/2/providers/Microsoft.Authorization/policyDefinitions/own"
    rule = {"if": {"field": "type", "equals": storage}, "then": {"effect": "audit"}}
    assignment = "/subscriptions/2/providers/Microsoft.Authorization/policyAssignments/mine"
    lost = "/subscriptions/3/providers/Microsoft.Authorization/policyAssignments/lost"
    lines = [
        record(1, "Microsoft.Network/virtualNetworks/n", "2020-01-01", properties={"subnets": [subnet]}),
        record(1, "Microsoft.Network/virtualNetworks/n", "2024-01-01", properties={"subnets": [subnet, subnet]}),
        record(2, f"{storage}/a", properties=odd, tags={"owner": "=cmd()", "password": "hunter2hunter2"}),
        record(3, f"{storage}/Stra\u00dfe<b>|`", name="<script>\x1b[31m", properties=odd, tags={"owner": "one"}),
        record(3, f"{storage}/strasse<b>|`", properties=odd),
        record(4, f"{storage}/listed", properties=None),
        '{"id": "/subscriptions/2/resourceGroups/g/providers/Microsoft.Sql/servers/q", "properties": }',
        json.dumps({"id": "/providers/Microsoft.Management/managementGroups/root", "properties": {}}),
        json.dumps({"id": "not an id"}),
        json.dumps({"id": definition, "properties": {"displayName": "Own", "mode": "All", "policyRule": rule}}),
        json.dumps({"id": assignment, "properties": {"policyDefinitionId": definition, "scope": "/subscriptions/2"}}),
        json.dumps({"id": lost, "properties": {"policyDefinitionId": definition + "-gone", "scope": "/subscriptions/3"}}),
        json.dumps(
            {
                "id": "/subscriptions/2/providers/Microsoft.Authorization/policyExemptions/e",
                "properties": {"policyAssignmentId": assignment, "exemptionCategory": "Waiver"},
            }
        ),
    ]  # fmt: skip
    (folder / "some.jsonl").write_text("\n".join(lines))
    (folder / "coverage.json").write_text(
        json.dumps(
            {"schemaVersion": 1, "scopes": {"": [storage.lower()]}, "gaps": {"microsoft.sql/servers": "403"}}
        )
    )
    return folder


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> str:
    """What the options are tried on: the sample estate where the counts are full, else three subscriptions of it and the tenant."""
    if pytestconfig.getoption("--full"):
        return "sample:"
    return str(copy_some(tmp_path_factory.mktemp("some"), "connectivity", "apps-dev", "sandbox"))


@pytest.mark.parametrize("output", every_format("json"))
def test_every_format_on_the_sample_estate(output: str, estate: str, tmp_path: Path) -> None:
    assert both(tmp_path, estate, *AT, "-o", output).exit_code == 0


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("judged_by", "output"),
    [
        pytest.param(judged_by, output.values[0], id=f"{name}-{output.values[0]}", marks=output.marks)
        for name, judged_by in JUDGED_BY.items()
        for output in every_format(
            *(list_formats() if name == "own" else ["json"] if name != "assigned" else [])
        )
    ],
)
def test_every_format_on_a_faulty_snapshot(
    output: str, judged_by: tuple[object, ...], faulty: Path, tmp_path: Path
) -> None:
    assert both(tmp_path, faulty, *AT, *judged_by, "-o", output).exit_code == 3


@pytest.mark.sampled(6, each="code")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--group-by", "owner"], 0, marks=pytest.mark.full),
        pytest.param(["--group-by", "no-such-tag", "--top", "3"], 0, marks=pytest.mark.full),
        pytest.param(["--fail-on", "High"], 1, marks=pytest.mark.full),
        (["--fail-on", "High", "--severity", "Low", "-o", "json"], 1),
        pytest.param(["--fail-on-unknown"], 3, marks=pytest.mark.full),
        pytest.param(["--state", "Unknown", "--state", "Exempt", "-o", "table"], 0, marks=pytest.mark.full),
        pytest.param(["--tag", "environment", "-o", "json"], 0, marks=pytest.mark.full),
        pytest.param(
            ["--type", "microsoft.storage/*", "--resource-group", "*erp*", "-o", "json"], 0, marks=pytest.mark.full
        ),
        (["--subscription", "no-such"], 2),
        (["--initiative", "no-such-initiative"], 2),
        (["--scope", "/subscriptions/00000000-0000-0000-0000-00000000ffff"], 2),
        (["--scope", "/providers/Microsoft.Management/managementGroups/nobody"], 2),
        (["--explain", "no-such-resource"], 2),
        (["--since", "neither"], 2),
    ],
)  # fmt: skip
def test_options(arguments: list[str], code: int, estate: str, tmp_path: Path) -> None:
    assert both(tmp_path, estate, *AT, *arguments).exit_code == code


@pytest.mark.full
def test_one_subscription_and_one_resource(estate: str, tmp_path: Path) -> None:
    rows = json.loads(scan(tmp_path, estate, *AT, "-o", "json", *PIECE).stdout)["assessments"]
    resource = next(row["resource"] for row in rows if row["state"] == "NonCompliant")
    subscription = "/".join(resource.split("/")[:3])
    told = both(tmp_path, estate, *AT, "--explain", resource).stdout
    assert resource.rsplit("/", 1)[-1] in told.replace("\n", "")
    scoped = json.loads(both(tmp_path, estate, *AT, "--scope", subscription, "-o", "json").stdout)
    assert 0 < len(scoped["assessments"]) < len(rows)


def test_an_empty_snapshot(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")
    assert both(tmp_path, tmp_path / "empty.json").exit_code == 2
    assert both(tmp_path, tmp_path / "not-there.json").exit_code == 2


def memory(data: Path) -> tuple[Any, ...]:
    """Everything that the history and the store of a data folder hold, but for names that are made up."""
    history, series = History(data), "default | nephoscope | "
    evaluations = history.list_evaluations(series)
    facts = [
        (one.when, one.percentage, one.current, one.max, one.estate, one.content, one.decisions, one.exemptions, one.controls)
        for one in evaluations
    ]  # fmt: skip
    past = [dict(history.read_remembered_states(one)) for one in evaluations]
    changes = [history.changes(one) for one in evaluations]
    store = EstateStore(data)
    return (
        facts,
        past,
        changes,
        store.list_snapshots(),
        sorted((one.key, str(one.body)) for one in store.iterate_current()),
    )


@pytest.mark.full
def test_what_a_series_of_scans_remembers(changed: Callable[..., Path], tmp_path: Path) -> None:
    (survey,) = SnapshotSpool.of([SAMPLE], _new(tmp_path / "spool")).read_surveys()
    subscriptions = sorted(one for one in survey.subscriptions if one)
    snapshots = [
        changed("earlier", json.loads((CASES / "earlier.json").read_text())["changes"]),
        SAMPLE,
        changed("second", json.loads((CASES / "second.json").read_text())["changes"]),
        changed("without", [{"id": f"/subscriptions/{subscriptions[1]}", "remove": True}]),
    ]
    kinds: set[str] = set()
    for month, snapshot in enumerate(snapshots, 5):
        at = f"2026-{month:02d}-01"
        told = json.loads(both(tmp_path, snapshot, "--at", at, "-o", "json").stdout)
        kinds |= {row["change"] for row in told["changes"]}
        assert memory(tmp_path / "parts") == memory(tmp_path / "piece")
    assert kinds == {"new", "fixed", "reopened", "removed"}
    assert (
        "<polyline" in both(tmp_path, "--at", "2026-12-02", "-o", "html").stdout
    )  # the last scan again, with its trend
    for since in ("2026-06-15", str(snapshots[2])):
        both(tmp_path, SAMPLE, "--since", since, "--at", "2026-12-03", "-o", "json")
    assert memory(tmp_path / "parts") == memory(tmp_path / "piece")


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_parts_are_taken_when_they_should(
    faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    start = RowLedger.__init__

    def noticed(self: RowLedger, path: Path, *rest: Any) -> None:
        made.append(path)
        start(self, path, *rest)

    monkeypatch.setattr(RowLedger, "__init__", noticed)
    scan(tmp_path, faulty, "--no-history")
    scan(tmp_path, faulty, "--no-history", *PIECE)
    assert not made
    monkeypatch.setenv("NEPHOSCOPE_IN_PARTS", "always")
    scan(tmp_path, faulty, "--no-history")
    assert len(made) == 1
    monkeypatch.delenv("NEPHOSCOPE_IN_PARTS")
    monkeypatch.setattr("nephoscope.cli.session.session.FROM_BYTES", 1000)
    scan(tmp_path, faulty, "--no-history")
    assert len(made) == 2
    scan(tmp_path, faulty, "--no-history", *PIECE)
    assert len(made) == 2
    assert partitioned_scan.FROM_BYTES == 128 * 1024**2


@pytest.mark.full
@pytest.mark.parametrize(
    ("way", "table"),
    [
        pytest.param(PIECE, "evaluations", id="piece-evaluations", marks=pytest.mark.full),
        pytest.param(PARTS, "changes", id="parts-changes", marks=pytest.mark.full),
        pytest.param(PARTS, "findings", id="parts-findings", marks=pytest.mark.full),
        pytest.param(PARTS, "evaluations", id="parts-evaluations"),
    ],
)
def test_an_interruption_leaves_no_half_written_history(
    way: tuple[str, ...],
    table: str,
    changed: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C within any of the writes: what was known is what is known, and the next scan says what it would have said."""
    second = changed(f"second-{table}-{len(way)}", json.loads((CASES / "second.json").read_text())["changes"])
    scan(tmp_path, SAMPLE, "--at", "2026-05-01", *way)
    before = memory(tmp_path)[:3]
    with monkeypatch.context() as patched:
        _interrupted(patched, table)
        result = CliRunner().invoke(
            cli, ["--data", str(tmp_path), "scan", str(second), "--at", "2026-06-01", *way]
        )
        assert result.exit_code == 130
        assert result.stdout == ""
    assert memory(tmp_path)[:3] == before
    told = json.loads(scan(tmp_path, second, "--at", "2026-06-02", "-o", "json", *way).stdout)
    assert len(told["changes"]) == 12


def _interrupted(patched: pytest.MonkeyPatch, table: str) -> None:
    """A stream of rows that is interrupted while it is written to a table."""
    reader, schema_of = history_module._open_record_batches, getattr(history_module, f"_{table.upper()}")

    def stops(rows: Any, schema: Any) -> Any:
        if schema is schema_of:
            raise KeyboardInterrupt
        return reader(rows, schema)

    patched.setattr(history_module, "_open_record_batches", stops)
