"""Each recipe of docs/contributing/adding.md is a whole file: put into its folder, it is found and does what it says."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

import nephoscope.analyze
import nephoscope.api.arm
import nephoscope.ingest.logs
import nephoscope.operations
import nephoscope.web.pages
import nephoscope_kql.functions
from nephoscope.admin.wire import route
from nephoscope.alerts.rule_tests import rule_test
from nephoscope.analyze import discovery as analyzers
from nephoscope.api.wire import operation
from nephoscope.cli.main import cli
from nephoscope.estate.estate import Estate
from nephoscope.ingest.logs import discovery as formats
from nephoscope.ingest.logs.log_format import BadRecordError, StreamContext
from nephoscope.operations.declaration import discovery
from nephoscope.posture.evaluation.analyzer_results import run_all_analyzers
from nephoscope.state import State
from nephoscope.web import all_pages
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/contributing/adding.md").read_text(encoding="utf-8")
RECIPES: dict[str, str] = dict(
    re.findall(r"^`([\w/.-]+)`\n\n```\w+\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
)
CACHES = (
    formats.load_formats, analyzers.load_analyzers, operation.load_surfaces, all_pages.list_pages, discovery.load_operation_groups,
    route.load_sections, route.list_routes,
)  # fmt: skip


def recipe(name: str) -> tuple[Path, str]:
    """The path and the text of the recipe whose file has the name."""
    (found,) = (one for one in RECIPES.items() if Path(one[0]).name == name)
    return ROOT / found[0], found[1]


@pytest.fixture
def added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[ModuleType]:
    """The module of a recipe, in a folder that is scanned with the package's own."""
    package, name = request.param
    path, text = recipe(name)
    assert path.parent == Path(package.__path__[0]), "the recipe names the folder that is scanned"
    (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    for one in CACHES:
        one.cache_clear()
    yield importlib.import_module(f"{package.__name__}.{path.stem}")
    del sys.modules[f"{package.__name__}.{path.stem}"]
    for one in CACHES:
        one.cache_clear()


def adding(package: ModuleType, name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("added", [(package, name)], indirect=True, ids=[name])


@adding(nephoscope.ingest.logs, "acme_gate.py")
def test_a_log_format(added: ModuleType) -> None:
    (form,) = formats.load_formats().select_format("acme-gate").records
    record = {"product": "Acme Gate", "badge": "kim", "at": "2026-11-01T12:00:00Z"}
    assert form.recognizes(record)
    (row,) = form.rows(record, StreamContext())
    assert row.table == "CommonSecurityLog"
    assert row.values["SourceUserName"] == "kim"  # type: ignore[union-attr]
    with pytest.raises(BadRecordError, match="badge"):
        list(form.rows({"product": "Acme Gate"}, StreamContext()))


def test_a_kql_function(tmp_path: Path) -> None:
    """In a process of its own: what functions there are is known in many places by now."""
    path, text = recipe("acme.py")
    assert path.parent == Path(nephoscope_kql.functions.__path__[0])
    (tmp_path / path.name).write_text(text, encoding="utf-8")
    asked = (
        "import sys, pyarrow as pa, nephoscope_kql as kql, nephoscope_kql.functions as folder\n"
        "folder.__path__.append(sys.argv[1])\n"
        "found = kql.run('T | project X=acme_bracketed(A)', {'T': pa.table({'A': ['b', '']})})\n"
        "assert found.column('X').to_pylist() == ['[b]', '[]'], found\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", asked, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


@adding(nephoscope.api.arm, "acme_motto.py")
def test_an_api_operation(added: ModuleType) -> None:
    surface = next(one for one in operation.load_surfaces() if one.name == "Acme")
    (one,) = surface.operations
    answer = one.handler(None)
    assert answer.body["value"][0]["properties"] == {"text": "Unknown is a result"}


@adding(nephoscope.operations, "acme_retention.py")
def test_an_operation(added: ModuleType, tmp_path: Path) -> None:
    assert "acme_retention" in cli.list_commands(click.Context(cli))
    words = ["--data", str(tmp_path / "data"), "acme_retention", "set"]
    refused = CliRunner().invoke(cli, [*words, "--days", "0"])
    assert (refused.exit_code, "0 is not in the range 1<=x<=365" in refused.output) == (2, True)
    done = CliRunner().invoke(cli, [*words, "--days", "30"])
    assert done.output == "1 workspaces changed\n"
    with State.open_folder(tmp_path / "data", "") as state:
        assert state.workspaces.get().days == 30
        assert state.audit.entries()[0].detail["before"] == {"days": 90}
    (offered,) = (one for one in route.list_routes() if one.section == "acmeRetention")
    assert (offered.method, offered.template.match("/admin/v1/acmeRetention")) == ("POST", {})


@adding(nephoscope.web.pages, "acme_vaults.py")
def test_a_page(added: ModuleType) -> None:
    found = next(one for one in all_pages.list_pages() if one.path == "/acme")
    visit: Any = type("Visit", (), {"snapshot": None})
    assert found.filled(visit) == {"snapshot": None}


@adding(nephoscope.analyze, "acme_locks.py")
def test_an_analyzer(added: ModuleType) -> None:
    bodies = [
        {"id": f"/subscriptions/s/resourceGroups/g/providers/Acme.Security/vaults/{name}", "type": added.VAULT,
         "name": name, "properties": {"locked": locked}}
        for name, locked in (("a", True), ("b", False))
    ]  # fmt: skip
    estate = Estate.of([Resource.of(one) for one in bodies], Coverage.cover_everything())
    from datetime import UTC, datetime

    found = run_all_analyzers(estate, datetime(2026, 11, 1, tzinfo=UTC)).assessments
    states = {one.resource[-1]: one.state.value for one in found if one.key == added.LOCKED.id}
    assert states == {"a": "Compliant", "b": "NonCompliant"}


def test_a_detection(tmp_path: Path) -> None:
    for name in ("acme-lock-removed.yaml", "acme-lock-removed.test.yaml"):
        path, text = recipe(name)
        assert path.parent == ROOT / "src/nephoscope/content/detections/AzureActivity"
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = rule_test.check_folder(tmp_path)
    assert len(found) == 2
    assert [one.problem for one in found if one.problem] == []


def test_every_recipe_is_tried() -> None:
    assert len(RECIPES) == 8
