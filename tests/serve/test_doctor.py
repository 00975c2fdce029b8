"""The doctor finds what was done to a data folder, and says what to do."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text
from tests.automation import dead_runs

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.instance import BACKED_UP, FAILED
from nephoscope.lake.backup.restored_audit import OPERATION
from nephoscope.serve import file_ownership
from nephoscope.serve.doctor import CHECKS, examine_installation
from nephoscope.serve.doctor_check import CheckVerdict
from nephoscope.serve.instance_lock import acquire_lock
from nephoscope.serve.server import ensure_certificate
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.serve.status_file import make_status_writer
from nephoscope.server_status import ProcessStatus, ServerStatus
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind


def verdicts(data, now=None):
    return {(one.check, one.verdict): one for one in examine_installation(data, None, now)}


def audit_changed(data):
    with State.open_folder(data) as state:
        Guard(state, lambda: Hierarchy({})).create_first_link()
        with state.transaction() as session:
            session.execute(text("UPDATE audit SET author = 'eve'"))


def program_owns_all(data):
    with State.open_folder(data) as state, state.transaction() as session:
        program = state.principals.add(session, PrincipalKind.PROGRAM, "deploy")
        state.principals.grant(session, program.id, "Owner", "/", "test")


def assessment_failed(data):
    from nephoscope.posture.scans.scan import ScanRequest, save_request

    save_request(ScanRequest(("azure:",)), data)
    with State.open_folder(data) as state:
        state.checkpoints.put(*FAILED, "no credential")


def source_failed(data):
    with State.open_folder(data) as state:
        state.source_errors.keep_errors("hub", {"": "refused"}, datetime.now(UTC))


def runs_are_dead(data):
    with State.open_folder(data) as state:
        dead_runs.spoil(state)


def open_keys(data):
    (data / "keys").mkdir(exist_ok=True)
    (data / "keys").chmod(0o755)


def open_key_file(data):
    (data / "tls").mkdir(mode=0o700, exist_ok=True)
    (data / "tls" / "own.key").touch(mode=0o644)


def audit_without_anchor(data):
    with State.open_folder(data) as state, state.transaction() as session:
        state.audit.add(session, "ada", "Microsoft.Security/alerts/write", "/")
    (data / "keys" / "audit.anchor").unlink()


def audit_of_tomorrow(data):
    with State.open_folder(data) as state:
        Guard(state, lambda: Hierarchy({})).create_first_link()
        with state.transaction() as session:
            session.execute(text("UPDATE audit SET moment = '2999-01-01 00:00:00.000000'"))


def token_ends_soon(data):
    with State.open_folder(data) as state:
        with state.transaction() as session:
            program = state.principals.add(session, PrincipalKind.PROGRAM, "deploy")
        Guard(state, lambda: Hierarchy({})).make_secret(
            program, SecretKind.TOKEN, "test", "ci", timedelta(days=3)
        )


def old_backup(data):
    with State.open_folder(data) as state:
        at = datetime.now(UTC) - timedelta(days=8)
        state.checkpoints.put(*BACKED_UP, {"at": at.isoformat(), "file": "b.tar"})


def backed_up(data, *, keys):
    with State.open_folder(data) as state:
        state.checkpoints.put(
            *BACKED_UP, {"at": datetime.now(UTC).isoformat(), "file": "b.tar", "keys": keys}
        )


def given_certificate_is_gone(data):
    make_status_writer(ServeSettings(data, certificate=str(data.parent / "gone.pem")))({})


@pytest.mark.parametrize(
    ("spoil", "check", "verdict"),
    [
        (audit_changed, "audit", CheckVerdict.WRONG),
        (audit_without_anchor, "audit", CheckVerdict.WARNING),
        (program_owns_all, "people", CheckVerdict.WARNING),
        (assessment_failed, "estate", CheckVerdict.WRONG),
        (source_failed, "sources", CheckVerdict.WRONG),
        (runs_are_dead, "runs", CheckVerdict.WARNING),
        (open_keys, "files", CheckVerdict.WARNING),
        (open_key_file, "files", CheckVerdict.WARNING),
        (audit_of_tomorrow, "clock", CheckVerdict.WRONG),
        (token_ends_soon, "secrets", CheckVerdict.INFO),
        (old_backup, "backup", CheckVerdict.WARNING),
        (given_certificate_is_gone, "certificate", CheckVerdict.WRONG),
    ],
)
def test_what_is_wrong_is_found(tmp_path, spoil, check, verdict):
    before = verdicts(tmp_path)
    assert (check, verdict) not in before
    spoil(tmp_path)
    found = verdicts(tmp_path)[check, verdict]
    assert found.remedy


@pytest.mark.parametrize(
    ("process", "verdict"),
    [
        (ProcessStatus(0, 4, "signal SIGKILL"), CheckVerdict.WRONG),
        (ProcessStatus(os.getpid(), 9, "exit code 1"), CheckVerdict.WARNING),
    ],
)
def test_a_process_that_ends_is_found(tmp_path, process, verdict):
    with acquire_lock(tmp_path):
        make_status_writer(ServeSettings(tmp_path))({"web": process})
        assert verdicts(tmp_path)["server", verdict].remedy


def test_a_certificate_that_is_over(tmp_path):
    ensure_certificate(ServeSettings(tmp_path))
    assert ("certificate", CheckVerdict.OK) in verdicts(tmp_path)
    late = datetime.now(UTC) + timedelta(days=4000)
    assert ("certificate", CheckVerdict.WRONG) in verdicts(tmp_path, late)


def test_a_disk_that_is_nearly_full(tmp_path, monkeypatch):
    monkeypatch.setattr("nephoscope.serve.doctor.LOW_DISK", 1 << 60)
    assert verdicts(tmp_path)["disk", CheckVerdict.WRONG].remedy


def test_a_machine_that_hides_its_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("nephoscope.serve.doctor.MEMORY", tmp_path / "meminfo")
    assert verdicts(tmp_path)["memory", CheckVerdict.WRONG].remedy


def owned(monkeypatch, names, user):
    """Files of these names are another user's than all else."""
    monkeypatch.setattr(file_ownership, "get_owner_id", lambda path: user if path.name in names else 4000001)


def test_files_of_another_user(tmp_path, monkeypatch):
    assert ("owners", CheckVerdict.WARNING) not in verdicts(tmp_path)
    for name in ("lake/T/a.parquet", "lake/b.parquet", "lake/c.parquet", "lake/d.parquet", "lost+found/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    owned(monkeypatch, {"lost+found", "x"}, 0)
    assert ("owners", CheckVerdict.WARNING) not in verdicts(tmp_path)
    owned(monkeypatch, {"a.parquet", "b.parquet", "c.parquet", "T"}, 0)
    found = verdicts(tmp_path)["owners", CheckVerdict.WARNING]
    assert found.text == (
        f"4 of its files and folders belong to root, while {tmp_path} belongs to 4000001: "
        f"{tmp_path}/lake/T, {tmp_path}/lake/b.parquet, {tmp_path}/lake/c.parquet and 1 more"
    )
    assert found.remedy == f"chown -hR 4000001 {tmp_path}, and run commands over it as 4000001"


def test_a_link_is_its_own_makers(tmp_path):
    (tmp_path / "link").symlink_to("/nowhere")
    assert file_ownership.get_owner_id(tmp_path / "link") == os.getuid()
    assert file_ownership.get_owner_id(tmp_path / "gone") is None


def test_a_server_that_runs_and_one_that_ran(tmp_path):
    with acquire_lock(tmp_path) as lock:
        lock.answers()
        assert "a server is starting: process" in verdicts(tmp_path)["server", CheckVerdict.INFO].text
        make_status_writer(ServeSettings(tmp_path))({"web": ProcessStatus(os.getpid(), 1)})
        assert [one.text for one in examine_installation(tmp_path, None) if one.check == "server"] == [
            "web runs"
        ]
    # its number is another process's by now
    told = ServerStatus(os.getpid(), processes={"web": ProcessStatus(1, 1)})
    (tmp_path / "server.json").write_bytes(msgspec.json.encode(told))
    assert verdicts(tmp_path)["server", CheckVerdict.INFO].text == "no server runs on this folder"


def test_a_copied_folder_is_looked_at_for_itself(tmp_path):
    first, copied = tmp_path / "first", tmp_path / "copied"
    settings, _ = ensure_certificate(ServeSettings(first))
    make_status_writer(settings)({"web": ProcessStatus(os.getpid(), 1)})
    assert ("certificate", CheckVerdict.OK) in verdicts(first)
    copied.mkdir()
    (copied / "server.json").write_bytes((first / "server.json").read_bytes())
    assert not [one for one in examine_installation(copied, None) if one.check == "certificate"]


def test_what_a_backup_left_out_is_told(tmp_path):
    ensure_certificate(ServeSettings(tmp_path))
    backed_up(tmp_path, keys=False)
    assert verdicts(tmp_path)["backup", CheckVerdict.INFO].text == "the last backup does not include tls/"
    backed_up(tmp_path, keys=True)
    assert ("backup", CheckVerdict.INFO) not in verdicts(tmp_path)


def test_a_restored_folder_without_certificates_tells_of_the_new_authority(tmp_path):
    with State.open_folder(tmp_path) as state, state.transaction() as session:
        state.audit.add(session, "ada", OPERATION, "/", detail={"made": "2026-11-01T00:00:00+00:00"})
    assert "with a new authority" in verdicts(tmp_path)["certificate", CheckVerdict.INFO].text
    ensure_certificate(ServeSettings(tmp_path))
    assert ("certificate", CheckVerdict.INFO) not in verdicts(tmp_path)


def test_a_new_folder_is_well(tmp_path):
    assert not [one for one in examine_installation(tmp_path, None) if one.verdict is CheckVerdict.WRONG]
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)
