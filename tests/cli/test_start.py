"""The command line starts fast by importing little, and explains itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.collect.images.image_builder import make_layout

from nephoscope.cli.main import cli

pytestmark = pytest.mark.system

#: What takes long to load, or is of a part of the product that a command which does not need it must not know.
HEAVY = (
    "alembic",
    "cryptography",
    "deltalake",
    "duckdb",
    "httpx",
    "jinja2",
    "numpy",
    "pyarrow",
    "rich",
    "sqlalchemy",
    "sqlalchemy.dialects.postgresql",
    "nephoscope.access",
    "nephoscope.alerts",
    "nephoscope.analyze",
    "nephoscope.behavior",
    "nephoscope.collect",
    "nephoscope.connect",
    "nephoscope.estate",
    "nephoscope.files",
    "nephoscope.ingest",
    "nephoscope.lake",
    "nephoscope.posture",
    "nephoscope.sample",
    "nephoscope_kql",
    "nephoscope_policy.definition",
)
STATE = {"sqlalchemy"}
#: Command line -> what of HEAVY it may load, on a data folder that nothing was done with.
MAY_LOAD = {
    "--help": set(),
    "version": set(),
    "access audit": STATE | {"nephoscope.access", "nephoscope.lake"},
    "access list": STATE | {"nephoscope.access", "nephoscope.lake"},
    "alerts list": STATE,
    "alerts show x": STATE,
    "automations history": STATE,
    "behavior settings": STATE | {"nephoscope.behavior"},
    "credentials list": STATE,
    "credentials rotate": STATE,
    "facts list": STATE,
    "hunt bookmarks": STATE,
    "incidents list": STATE,
    "intel feeds": STATE,
    "intel list": STATE | {"nephoscope.ingest"},
    "response list": STATE,
    "signin list": STATE,
    "sources list": STATE | {"nephoscope.connect", "nephoscope.ingest"},
    "suppressions list": STATE,
    "tables show Heartbeat": {"nephoscope.lake", "nephoscope_kql", "numpy", "pyarrow", "rich"},
    "tenants list": STATE,
    "tuning changes": STATE,
    "watchlists list": STATE,
    "workspaces add soc": STATE,
    "workspaces list": STATE | {"rich"},
}
LOADED = (
    "import sys; from nephoscope.cli.main import cli\n"
    "try: cli(sys.argv[1:], standalone_mode=False)\n"
    "except SystemExit: pass\n"
    "print(*sys.modules, file=sys.stderr)"
)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("line", MAY_LOAD)
def test_a_command_loads_what_it_needs(tmp_path: Path, line: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEPHOSCOPE_")}
    arguments = [sys.executable, "-c", LOADED, "--data", str(tmp_path / "data"), *line.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert {name for name in HEAVY if name in loaded} <= MAY_LOAD[line]
    if not MAY_LOAD[line]:
        assert not loaded & {"msgspec", "nephoscope_kql", "nephoscope_policy"}, (
            "help needs no library of data"
        )


def test_a_scan_of_templates_knows_neither_the_lake_nor_the_state(tmp_path: Path) -> None:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2022-09-01",
        "name": "s",
        "properties": {},
    }
    path = tmp_path / "main.json"
    path.write_text(json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [account]}))
    arguments = [sys.executable, "-c", LOADED, "--data", str(tmp_path / "data"), "scan", str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    may = {
        "nephoscope.analyze",
        "nephoscope.collect",
        "nephoscope.estate",
        "nephoscope.posture",
        "nephoscope_policy.definition",
    }
    assert "finding" in done.stdout
    assert {name for name in (*HEAVY, "nephoscope.state") if name in loaded} <= may


@pytest.mark.full
def test_an_image_whose_layers_are_kept_is_told_without_readers_engines_and_state(tmp_path: Path) -> None:
    image = tmp_path / "image"
    make_layout(image, [{"etc/os-release": b'ID="debian"\nVERSION_ID="12"\n'}])
    line = ["image", str(image), "--packages", "-o", "cyclonedx"]
    arguments = [sys.executable, "-c", LOADED, "--data", str(tmp_path / "data"), *line]
    for _ in range(2):
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    never = {
        "importlib.metadata", "subprocess", "tempfile", "urllib.request",
        "nephoscope.collect.inventory.discovery", "nephoscope.collect.malware.yara_rules",
        "nephoscope.service.vulnerability_exemptions",
    }  # fmt: skip
    assert json.loads(done.stdout)["bomFormat"] == "CycloneDX"
    assert {name for name in (*HEAVY, *never) if name in loaded} == {"nephoscope.collect"}


def test_an_image_is_judged_without_the_state_and_the_readers_of_feeds(tmp_path: Path) -> None:
    image = tmp_path / "image"
    make_layout(image, [{"etc/os-release": b'ID="debian"\nVERSION_ID="12"\n'}])
    arguments = [sys.executable, "-c", LOADED, "--data", str(tmp_path / "data"), "image", str(image)]
    for _ in range(2):
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    never = {
        "yaml", "nephoscope.instance", "nephoscope.service.vulnerability_exemptions",
        "nephoscope.vulnerability.feeds.feed_discovery", "nephoscope.collect.malware.clamav",
    }  # fmt: skip
    assert "vulnerabilities: none" in done.stdout
    assert {name for name in (*HEAVY, *never) if name in loaded} <= {"nephoscope.collect", "rich"}


@pytest.mark.full
def test_what_readers_claim_is_known_without_them_once_they_were_loaded(tmp_path: Path) -> None:
    ask = (
        "import sys; from nephoscope.collect.inventory.discovery import load_inventory_readers as known, find_readers\n"
        "claimed = [(one.name, one.patterns, one.magic, one.max_size) for one in known().values()]\n"
        "find_readers('var/lib/dpkg/status'); print(hash(str(claimed))); print('nephoscope.collect.inventory.dpkg' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONHASHSEED": "0"}
    found = [
        subprocess.run(
            [sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert found[0][0] == found[1][0]
    assert [loaded for _, loaded in found] == ["True", "False"]


def test_every_command_file_is_listed_with_its_first_line() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    for path in Path(sys.modules["nephoscope.cli.main"].__file__).parent.glob("*.py"):
        if path.stem not in ("__init__", "main"):
            line = path.read_text().splitlines()[0].strip('"')
            assert path.stem in result.output
            assert line.split(":")[0].split(",")[0].rstrip(".") in " ".join(result.output.split())


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli, ["scna"])
    assert result.exit_code == 2
    assert "scna" in result.output


def test_nothing_to_look_at_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--data", str(tmp_path), "score"])
    assert result.exit_code == 2
    assert "sample:" in result.output


def test_a_target_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--data", str(tmp_path), "scan", str(tmp_path / "nope")])
    assert result.exit_code == 2
    assert "nope" in result.output


ACCOUNT = {
    "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
    "name": "a",
    "type": "Microsoft.Storage/storageAccounts",
    "properties": {},
}
POLICY = {
    "name": "p",
    "properties": {
        "policyRule": {"if": {"field": "type", "equals": ACCOUNT["type"]}, "then": {"effect": "audit"}}
    },
}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    path = tmp_path / "account.json"
    path.write_text(json.dumps([ACCOUNT]))
    return path


def scan(tmp_path: Path, *arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "scan", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_policy_file_that_cannot_be_used_is_told(tmp_path: Path, account: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "good.json").write_text(json.dumps(POLICY))
    assert scan(tmp_path, account, "--policies", folder).exit_code == 0
    (folder / "cut.json").write_text('{"properties": ')
    (folder / "typo.json").write_text(json.dumps(POLICY).replace('"field"', '"feild"').replace('"p"', '"q"'))
    result = scan(tmp_path, account, "--policies", folder)
    assert result.exit_code == 3
    assert "cut.json:1:" in result.stderr
    assert "'feild' is not a keyword" in result.stderr
    assert "1 NonCompliant" in result.stdout


def test_a_folder_without_policies_is_a_usage_error(tmp_path: Path, account: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "notes.json").write_text('{"a": 1}')
    result = scan(tmp_path, account, "--policies", folder)
    assert result.exit_code == 2
    assert "no policy definition" in result.stderr


@pytest.mark.parametrize("text", ["", "[]", '{"data": []}'])
def test_a_snapshot_without_resources_is_no_clean_estate(tmp_path: Path, text: str) -> None:
    snapshot = tmp_path / "export.json"
    snapshot.write_text(text)
    result = scan(tmp_path, snapshot)
    assert result.exit_code == 2
    assert "contains no resource" in result.stderr


def test_a_scope_that_holds_nothing_is_a_usage_error(tmp_path: Path, account: Path) -> None:
    assert scan(tmp_path, account, "--scope", "/subscriptions/S/resourceGroups/G/").exit_code == 0
    result = scan(tmp_path, account, "--scope", "/subscriptions/other")
    assert result.exit_code == 2
    assert "/subscriptions/other" in result.stderr


def test_a_management_group_is_a_scope(tmp_path: Path, account: Path) -> None:
    chain = {"managementGroupAncestorsChain": [{"name": "child"}, {"name": "root"}]}
    subscription = {
        "id": "/subscriptions/s",
        "type": "Microsoft.Resources/subscriptions",
        "properties": chain,
    }
    other = {**ACCOUNT, "id": ACCOUNT["id"].replace("/s/", "/t/")}
    account.write_text(json.dumps([ACCOUNT, subscription, other]))
    root = "/providers/Microsoft.Management/managementGroups/Root"
    result = scan(tmp_path, account, "--scope", root, "-o", "json")
    judged = {one["resource"].split("/")[2] for one in json.loads(result.stdout)["assessments"]}
    assert judged == {"s"}
    assert scan(tmp_path, account, "--scope", root + "2").exit_code == 2


def test_a_since_that_is_neither_snapshot_nor_date_is_a_usage_error(tmp_path: Path, account: Path) -> None:
    result = scan(tmp_path, account, "--no-history", "--since", "yesterday.json")
    assert result.exit_code == 2
    assert "yesterday.json" in result.stderr


def test_a_fault_never_ends_as_a_finding(tmp_path: Path, account: Path) -> None:
    """Exit code 1 says that a finding is over the threshold; Python's own for an uncaught error is 1 too."""
    file = tmp_path / "file"
    file.write_text("")
    line = [sys.executable, "-m", "nephoscope.cli.main", "--data", file / "below", "scan", account]
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(file) in done.stderr


def test_a_damaged_memory_of_the_last_scan_is_told(tmp_path: Path, account: Path) -> None:
    scan(tmp_path, account)
    (tmp_path / "data" / "posture" / "last-scan.json").write_text("{")
    result = scan(tmp_path)
    assert result.exit_code == 2
    assert "last-scan.json" in result.stderr


def test_version() -> None:
    result = CliRunner().invoke(cli, ["version"])
    assert result.output.startswith("nephoscope ")
