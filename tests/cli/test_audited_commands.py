"""Every command is in the table below: what changes what people decide has its entry in the audit, or changes nothing."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.cli import audited_house

from nephoscope.cli.main import cli
from nephoscope.state import State, StateError
from nephoscope.state.audit.audit import Audit

READS = """
access audit, access list, agent build, agent codes, agent list, agent run, agent show,
alerts list, alerts show, attackpaths, automations history, automations list, behavior explain,
behavior list, behavior show, collect, compliance, content coverage, content list, content show, content test,
credentials list, doctor, exposure, facts list, gaps, hunt bookmarks, hunt run,
identity admins emergency, identity admins list, identity admins places, identity admins roles, identity admins show,
identity leaked accounts, identity leaked list,
identity risk detections, identity risk history, identity risk list, identity risk show,
identity risk sign-ins, identity places list, identity places show, identity policies gaps, identity policies list,
identity risk-policies list, identity users list,
incidents list, incidents metrics, incidents show,
intel feeds, intel list, intel show, locations list, locations suggest, pipelines collect, pipelines items,
pipelines list, pipelines origin, pipelines posture, pipelines runs, pipelines show,
protect applications list, protect applications rules,
protect baseline, protect capture, protect captures list, protect captures script, protect network, protect waf,
protect captures azure list, protect captures azure status,
protect segment-plan show, protect segment-plan violations,
protect files list, protect files paths,
protect jit list, protect jit script, protect registry images, protect respond blocked, protect respond list,
protect registry list, protect registry show, protect requests list, query, recommendations, response list,
response rules,
response show, score, signin list, sources health, sources kinds, sources list, sources show,
suppressions list, suppressions show, tables list, tables show, tenants grant, tenants list, tenants rights, tuning advice,
tuning changes, tuning replay, tuning report, tuning settings, version,
vulnerabilities exemptions, vulnerabilities explain, vulnerabilities feeds,
vulnerabilities list, watchlists list, watchlists show,
watchlists templates, workspaces list
"""
"""What shows something and changes nothing that anybody decided."""
RUNS = """
automations run, detect, hunt, identity risk run, ingest, intel refresh, response run, serve, sources run, behavior run,
protect applications check
"""
"""What does, as the server does by itself, what was decided before: it takes rows in, or notes what it found."""
ELSEWHERE = {
    **{f"agent {one}": "tests/admin/test_agents.py" for one in ("code", "remove", "revoke")},
    "protect hardening": "tests/cli/test_protect_hardening.py",
    "protect segments": "tests/cli/test_protect_segments.py",
    **{f"protect captures azure {one}": "tests/service/test_azure_captures.py" for one in ("start", "stop")},
    **{
        f"protect segment-plan {one}": "tests/cli/test_protect_segments.py"
        for one in ("remove", "request", "set")
    },
    **{f"identity leaked {one}": "tests/identity/test_leaked_credentials.py" for one in ("check", "import")},
    **{
        f"identity leaked {one}": "tests/identity/test_leaked_pairs.py"
        for one in ("import-pairs", "rotate-key")
    },
    **{
        f"protect captures {one}": "tests/agent/test_packet_capture.py"
        for one in ("analyze", "start", "stop")
    },
    **{
        f"identity risk {one}": "tests/identity/test_identity_operations.py"
        for one in ("confirm-compromised", "confirm-safe", "dismiss")
    },
    "image": "tests/service/test_inventories.py",
    "inventory": "tests/service/test_inventories.py",
    "vulnerabilities exempt": "tests/service/test_vulnerability_facts.py",
    "vulnerabilities unexempt": "tests/service/test_vulnerability_facts.py",
    "vulnerabilities import-results": "tests/service/test_importing_results.py",
    **{
        f"protect registry {one}": "tests/protect/registry/test_image_lifecycle.py"
        for one in ("add", "examine", "pause", "promote", "reject", "remove", "resume", "secret", "set")
    },
    **{
        f"protect requests {one}": "tests/protect/registry/test_requests.py"
        for one in ("approve", "create", "deny", "withdraw")
    },
    **{
        f"protect files {one}": "tests/protect/files/test_file_integrity.py"
        for one in ("approve", "scan", "set", "start")
    },
    **{
        f"protect applications {one}": "tests/protect/applications/test_application_control.py"
        for one in ("accept", "propose")
    },
    **{
        f"protect jit {one}": "tests/protect/jit/test_access_requests.py"
        for one in ("apply", "approve", "deny", "request", "revoke")
    },
    **{
        f"protect {one}": "tests/agent/test_response.py"
        for one in (
            "isolate",
            "release",
            "respond approve",
            "respond block",
            "respond unblock",
            "respond collect",
            "respond scan",
            "respond content",
            "respond deny",
            "respond isolate",
            "respond kill",
            "respond release",
            "respond script",
            "respond withdraw",
        )
    },
    **dict.fromkeys(("signin test", "tenants test"), "tests/service/test_administration.py"),
    "protect registry test": "tests/protect/registry/test_requests.py",
    "protect registry key": "tests/protect/registry/test_attested_images.py",
    "restore": "tests/serve/test_restored_audit.py",
    "access link": "as access token",
    "scan": "below",
    "pipelines send": "tests/service/test_pipelines.py",
    "pipelines rejudge": "tests/service/test_build_reevaluation.py",
    "pipelines remove": "tests/service/test_pipelines.py",
}

SOURCES, RULES = "Nephoscope/sources/", "Microsoft.SecurityInsights/alertRules/"
SUPPRESSIONS, LISTS = "Microsoft.Security/alertsSuppressionRules/", "Microsoft.SecurityInsights/watchlists/"
NOTES = "Microsoft.SecurityInsights/incidents/"
INCIDENTS, BOOKMARKS = "Microsoft.SecurityInsights/incidents/write", "Microsoft.SecurityInsights/bookmarks/"
SECRETS, PLACES, PROVIDERS = "Nephoscope/secrets/", "Nephoscope/workspaces/", "Nephoscope/signInProviders/"
INTEL, TABLES = (
    "Microsoft.SecurityInsights/threatIntelligence/indicators/",
    "Microsoft.OperationalInsights/workspaces/tables/write",
)
GIVEN, POLICIES = (
    "Microsoft.Authorization/roleAssignments/",
    "Microsoft.Authorization/policyDefinitions/write",
)
FACTS = "Microsoft.HybridCompute/machines/"
ONCE, AROUND = ("Succeeded",), ("Started", "Succeeded")
"""The outcomes of the entries: of a change of the state, in its transaction; of a change of files, before and behind it."""
OWN, HUNTS = ("--rules", "{files}/rules"), ("--queries", "{files}/queries", "--since", "{since}")


@dataclass(frozen=True)
class Case:
    """A command with its arguments, what the audit has of it, and the commands that come before."""

    command: str
    arguments: tuple[str, ...]
    operation: str
    target: str
    outcomes: tuple[str, ...] = ONCE
    before: tuple[tuple[str, ...], ...] = ()
    of: str = ""
    elsewhere: bool = False
    """Whether what it changes is in none of the places that are compared here: rows of the lake, profiles, what it sends."""

    @property
    def id(self) -> str:
        return f"{self.command} {self.of}".strip().replace(" ", "-")


CASES = [
    # the seven acts that blind detection
    Case("suppressions create", ("all", "--rule", "*", "--entity", "ip.address=0.0.0.0/0", "--forever", "--yes"),
         SUPPRESSIONS + "write", "suppression all"),
    Case("tuning set", ("{rule}", *OWN, "--trigger-threshold", "9999"), RULES + "write", "Locks were deleted", of="threshold"),
    Case("tuning set", ("{rule}", *OWN, "--disable"), RULES + "write", "Locks were deleted", of="off"),
    Case("workspaces set", ("default", "--retention", "1"), PLACES + "write", "workspace default"),
    Case("tenants add", ("contoso", *audited_house.TENANT, "--secret", "secret=file:{files}/secret"),
         SOURCES + "write", "tenant contoso"),
    Case("watchlists create", ("Mine", "{files}/scanners.csv", "--key", "Address"), LISTS + "write", "watchlist Mine"),
    Case("watchlists delete", ("Known",), LISTS + "delete", "watchlist Known"),
    # and all others
    Case(
        "identity risk-policies create", ("--name", "Secure users"), "Microsoft.Security/automations/write",
        "response rule Secure users", AROUND,
    ),
    Case("suppressions set", ("known", "--disable"), SUPPRESSIONS + "write", "suppression known"),
    Case("suppressions expire", ("known",), SUPPRESSIONS + "write", "suppression known"),
    Case("suppressions delete", ("known",), SUPPRESSIONS + "delete", "suppression known"),
    Case("tuning reset", ("{rule}", *OWN, "--forget"), RULES + "write", "Locks were deleted"),
    Case("tuning apply", ("{advice}", *OWN), RULES + "write", "Locks were deleted"),
    Case("tuning undo", ("{advice}",), RULES + "write", "suggestion {advice}", before=(("tuning", "apply", "{advice}", *OWN),)),
    Case("content disable", ("more",), RULES + "write", "pack more"),
    Case("content enable", ("more",), RULES + "write", "pack more"),
    Case("content import", ("{files}/more", "--name", "again", "--enable"), RULES + "write", "pack again", AROUND, of="rules"),
    Case("vulnerabilities import", ("{files}/advisory.json", "--feed", "own"), "Microsoft.Security/assessments/write",
         "advisories own", AROUND, elsewhere=True),
    Case("vulnerabilities remove", ("own",), "Microsoft.Security/assessments/write", "advisories own", AROUND,
         before=(("vulnerabilities", "import", "{files}/advisory.json", "--feed", "own"),), elsewhere=True),
    Case("content import", ("{files}/policies",), POLICIES, "pack policies", AROUND, of="policies"),
    Case("content import", ("{files}/aliases.json", "--kind", "policies"), POLICIES, "alias table aliases.json", AROUND, of="aliases"),
    Case("content remove", ("more",), RULES + "delete", "pack more", AROUND),
    Case("detect", ("--enable", *OWN), RULES + "write", "all rules", of="again"),
    Case("workspaces add", ("new",), PLACES + "write", "workspace new"),
    Case("workspaces remove", ("soc",), PLACES + "delete", "workspace soc"),
    Case("tables set", ("SigninLogs", "--retention", "1"), TABLES, "table SigninLogs"),
    Case("tables import", ("{files}/table.json",), TABLES, "table Mine_CL", AROUND),
    Case("tables clean", (), "Microsoft.OperationalInsights/workspaces/purge/action", "expired days", AROUND,
         before=(("workspaces", "set", "default", "--retention", "1"),), elsewhere=True),
    Case("tenants set", ("fabrikam", "--disable"), SOURCES + "write", "tenant fabrikam"),
    Case("tenants collect", ("fabrikam",), SOURCES + "write", "tenant fabrikam"),
    Case("tenants remove", ("fabrikam",), SOURCES + "delete", "tenant fabrikam"),
    Case("sources add", ("more", "--kind", "folder", "--set", "paths={files}", "--no-test"), SOURCES + "write", "more"),
    Case("sources set", ("logs", "--disable"), SOURCES + "write", "logs"),
    Case("sources set", ("logs", "--set", "paths={files}/rules", "--no-test"), SOURCES + "write", "logs", of="settings"),
    Case("sources test", ("logs",), SOURCES + "write", "logs", elsewhere=True),
    Case("sources remove", ("logs",), SOURCES + "delete", "logs"),
    Case("sources token", ("sent",), SECRETS + "write", "sent"),
    Case("credentials rotate", (), SECRETS + "write", "credentials"),
    Case("response secret", ("new", "--from", "file:{files}/secret"), SECRETS + "write", "response.new"),
    Case("response secret", ("old", "--remove"), SECRETS + "delete", "response.old", of="removed"),
    Case("response approve", ("run-approve", "--yes"), "Nephoscope/responses/approve/action", "run-approve"),
    Case("response deny", ("run-approve",), "Nephoscope/responses/deny/action", "run-approve"),
    Case("response retry", ("run-dead",), "Nephoscope/responses/retry/action", "run-dead"),
    Case("response undo", ("run-done",), "Nephoscope/responses/undo/action", "run-done"),
    Case("response test", ("own", "--incident", "1", "--do"), "Nephoscope/responses/test/action", "rule own"),
    Case("automations add", ("more", "--on", "Alerts", "--table", "default"),
         "Microsoft.Security/automations/write", "{automations}/more"),
    Case("automations remove", ("tell",), "Microsoft.Security/automations/delete", "{automations}/tell"),
    Case("automations test", ("tell", "--do"), "Microsoft.Security/automations/test/action", "{automations}/tell", elsewhere=True),
    Case("watchlists update", ("Known", "{files}/others.csv", "--replace"), LISTS + "write", "watchlist Known"),
    Case("watchlists add", ("Known", "Address=192.0.2.8"), LISTS + "write", "watchlist Known"),
    Case("watchlists drop", ("Known", "192.0.2.7"), LISTS + "write", "watchlist Known"),
    Case("locations add", ("192.0.2.0/24",), LISTS + "write", "watchlist KnownEgress"),
    Case("locations import", ("{files}/graph.json",), LISTS + "write", "watchlist NamedLocations"),
    Case("locations estate", ("--take",), LISTS + "write", "watchlist KnownEgress"),
    Case("locations entra", ("--take",), LISTS + "write", "watchlist NamedLocations"),
    Case("intel import", ("{files}/indicators.csv", "--source", "other"), INTEL + "write", "threat intelligence of other"),
    Case("intel revoke", ("{indicator}",), INTEL + "delete", "{indicator}"),
    Case("incidents set", ("1", "--severity", "Informational"), INCIDENTS, "incident 1"),
    Case("incidents close", ("1", "--as", "FalsePositive", "--reason", "InaccurateData"), INCIDENTS, "incident 1"),
    Case("incidents comment", ("1", "planned"), NOTES + "comments/write", "incident 1"),
    Case("incidents task", ("1", "ask Kim"), NOTES + "tasks/write", "incident 1"),
    Case("incidents merge", ("1", "2"), INCIDENTS, "incident 1", ("Succeeded", "Succeeded")),
    Case("alerts set", ("{alert}", "--status", "Dismissed"), "Microsoft.Security/locations/alerts/dismiss/action", "{alert}"),
    Case("hunt bookmark", ("Who deleted locks", "{mark}", *HUNTS), BOOKMARKS + "write", "bookmark of Who deleted locks"),
    Case("hunt note", ("{bookmark}", "--note", "nothing"), BOOKMARKS + "write", "bookmark {bookmark}"),
    Case("hunt note", ("{bookmark}", "--delete"), BOOKMARKS + "delete", "bookmark {bookmark}", of="delete"),
    Case("hunt promote", ("{bookmark}",), BOOKMARKS + "write", "bookmark {bookmark}"),
    Case("behavior settings", ("--anomaly-priority", "10"), "Nephoscope/behavior/write", "behavior of default"),
    Case("behavior run", ("--anew",), "Nephoscope/behavior/forget/action", "profiles of default", AROUND, of="anew", elsewhere=True),
    Case("access add", ("ana", "--role", "Owner"), "Nephoscope/principals/write", "ana"),
    Case("access grant", ("kim", "--role", "Owner"), GIVEN + "write", "kim"),
    Case("access revoke", ("kim", "--role", "Reader"), GIVEN + "delete", "kim"),
    Case("access disable", ("kim",), "Nephoscope/principals/write", "kim"),
    Case("access bind", ("agent", audited_house.MACHINE + "x"), "Nephoscope/principals/write", "agent"),
    Case("access unbind", ("agent",), "Nephoscope/principals/write", "agent"),
    Case("access sign-out", ("kim",), "Nephoscope/sessions/delete", "kim"),
    Case("access token", ("kim",), SECRETS + "write", "kim"),
    Case("signin add", ("more", "--issuer", "https://127.0.0.1:9", "--client-id", "x"), PROVIDERS + "write", "more",
         outcomes=("Succeeded", "Succeeded")),  # added, then tested
    Case("signin allow", ("corp", "groups", "staff", "--role", "Owner"), PROVIDERS + "write", "corp"),
    Case("signin disallow", ("shop", "sub", "7"), PROVIDERS + "write", "shop"),
    Case("signin set", ("corp", "--disable"), PROVIDERS + "write", "corp"),
    Case("signin remove", ("corp",), PROVIDERS + "delete", "corp"),
    Case("facts put", ("{files}/facts.json",), FACTS + "write", "{own}b"),
    Case("facts remove", ("{own}a",), FACTS + "delete", "{own}a"),
    Case("backup", ("{files}/{copy}.tar",), "Nephoscope/backups/write", "{files}/{copy}.tar"),
]  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return audited_house.build(tmp_path_factory.mktemp("house"))


@pytest.fixture
def data(house: dict[str, str], tmp_path: Path) -> Path:
    shutil.copytree(Path(house["files"]) / "data", tmp_path / "data")
    return tmp_path / "data"


def commands(of: click.Command = cli, *path: str) -> Iterator[str]:
    if not isinstance(of, click.Group):
        yield " ".join(path)
        return
    if of.invoke_without_command:
        yield " ".join(path)
    context = click.Context(of)
    for name in of.list_commands(context):
        found = of.get_command(context, name)
        assert found is not None
        yield from commands(found, *path, name)


def test_every_command_is_in_the_table() -> None:
    told = [one.strip() for text in (READS, RUNS) for one in text.split(",")]
    assert sorted(commands()) == sorted({*told, *ELSEWHERE, *(case.command for case in CASES)})


def run(data: Path, words: tuple[str, ...], names: dict[str, str]) -> int:
    filled = [word.format_map(names) for word in words]
    found = CliRunner().invoke(cli, ["--data", str(data), *filled])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code


FLEETING = {"audit", "leases", "producers", "ingested_files", "usage"}
"""Tables that say where a process is, not what somebody decided."""


def kept(data: Path) -> dict[str, str]:
    """What is kept in the state, table by table, and in files beside the lake, as hashes."""
    found = {}
    with sqlite3.connect(data / "state.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name not in FLEETING:
                found[name] = str(sorted(map(str, database.execute(f'SELECT * FROM "{name}"').fetchall())))
    for folder in ("content", "posture", "responses", "tables"):
        for path in sorted((data / folder).rglob("*")):
            if path.is_file() and not path.name.endswith(".lock"):
                found[str(path.relative_to(data))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.mark.sampled(4)
@pytest.mark.parametrize("case", [pytest.param(one, id=one.id) for one in CASES])
def test_a_change_has_its_entry_or_is_not_made(
    case: Case, house: dict[str, str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {**house, "automations": audited_house.AUTOMATIONS, "copy": case.id}
    for words in case.before:
        run(data, words, names)
    words, before = (*case.command.split(), *case.arguments), kept(data)
    with sqlite3.connect(data / "state.db") as database:
        (last,) = database.execute("SELECT max(number) FROM audit").fetchone()

    def refuse(*_: Any, **__: Any) -> None:
        raise StateError("the audit cannot be written")

    with monkeypatch.context() as broken:
        broken.setattr(Audit, "add", refuse)
        assert run(data, words, names) == 2
    assert kept(data) == before
    (Path(house["files"]) / f"{case.id}.tar").unlink(missing_ok=True)
    assert run(data, words, names) in (0, 1, 3)
    with State.open_folder(data) as state:
        entries = [one for one in reversed(state.audit.entries()) if one.number > last]
        assert state.audit.find_broken_entry() is None
    told = [(one.author, one.operation, one.outcome) for one in entries]
    author = f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    assert told == [(author, case.operation, outcome) for outcome in case.outcomes]
    assert entries[0].target == case.target.format_map(names)
    assert case.elsewhere or kept(data) != before


def test_who_acted_is_not_what_the_environment_says(
    house: dict[str, str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert run(data, ("workspaces", "add", "mine"), house) == 0
    with State.open_folder(data) as state:
        assert state.audit.entries(most=1)[0].author == f"os:{pwd.getpwuid(os.getuid()).pw_name}"


def test_what_fails_in_files_is_told(
    house: dict[str, str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nephoscope.posture.policies.policy_packs import Packs

    def torn(*_: Any) -> None:
        raise OSError("torn")

    monkeypatch.setattr(Packs, "add", torn)
    assert run(data, ("content", "import", "{files}/policies"), house) == 2
    with State.open_folder(data) as state:
        assert [one.outcome for one in state.audit.entries(most=2)] == ["Failed", "Started"]


def test_a_scan_by_other_decisions_has_an_entry_before_it_is_remembered(
    house: dict[str, str], data: Path
) -> None:
    plain = ("scan", "{files}/snapshot.json", "--policies", "{files}/policies")
    waived = (*plain, "--decisions", "{files}/decisions.json")
    for words in (plain, plain, waived):
        assert run(data, words, house) in (0, 1, 3)
    with State.open_folder(data) as state:
        first, second = (
            one.detail
            for one in reversed(state.audit.entries())
            if one.operation == "Nephoscope/assessments/write"
        )
    assert first["policies"]
    assert (second["before"], sorted(second)) == ({"decisions": []}, ["before", "decisions"])


@pytest.mark.full
def test_a_folder_without_a_state_gets_one_for_a_scan_that_is_kept(
    house: dict[str, str], tmp_path: Path
) -> None:
    data = tmp_path / "new"
    assert run(data, ("scan", "{files}/snapshot.json", "--no-history"), house) in (0, 1)
    assert not (data / "state.db").exists()
    assert run(data, ("scan", "{files}/snapshot.json"), house) in (0, 1)
    with State.open_folder(data) as state:
        assert [one.operation for one in state.audit.entries()] == ["Nephoscope/assessments/write"]
