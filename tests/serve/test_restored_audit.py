"""What the audit says after a restore: nobody is accused, which backup it was is told, and what was taken off is told all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete

from nephoscope.lake.backup.backup_restore import restore_data_folder
from nephoscope.lake.backup.backup_writer import back_up
from nephoscope.lake.lake import Lake
from nephoscope.serve.doctor import examine_installation
from nephoscope.serve.doctor_check import CheckVerdict
from nephoscope.state import State
from nephoscope.state.audit.audit import AuditRow

ANCHOR = Path("keys") / "audit.anchor"


def added(state: State, *targets: str) -> None:
    for target in targets:
        with state.transaction() as session:
            state.audit.add(session, "ada", "Microsoft.Security/alerts/write", target)


def taken_off(state: State, after: int) -> None:
    with state.transaction() as session:
        session.execute(delete(AuditRow).where(AuditRow.number > after))


def backed_up(data: Path, file: Path, keys: bool) -> Path:
    with State.open_folder(data, "") as state, Lake.open(data, state) as lake:
        back_up(data, lake, state, file, keys=keys)
    return file


def told(data: Path) -> tuple[CheckVerdict, str]:
    (found,) = (one for one in examine_installation(data, None) if one.check == "audit")
    return found.verdict, found.text


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with State.open_folder(folder, "") as state:
        added(state, "/one", "/two", "/three")
    return folder


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("anchored", [True, False])
def test_after_a_restore_the_audit_is_whole_and_tells_of_it(data, tmp_path, keys, anchored):
    file = backed_up(data, tmp_path / "b.tar", keys)
    with State.open_folder(
        data, ""
    ) as state:  # what comes after the backup is not in it, which is no tampering
        added(state, "/later")
    if not anchored:
        (data / ANCHOR).unlink()
        file = backed_up(data, tmp_path / "without.tar", keys)
    again = tmp_path / "again"
    manifest = restore_data_folder(file, again, author="root")
    made = manifest.made
    assert told(again) == (
        CheckVerdict.OK,
        f"the audit chain is complete; restored from the backup of {made}",
    )
    with State.open_folder(again, "") as state:
        newest = state.audit.entries(most=1)[0]
        assert (newest.author, newest.operation, newest.target, newest.detail) == (
            "root",
            "Nephoscope/backups/restore/action",
            file.name,
            {"made": made, "digest": manifest.hash[:16]},
        )
        assert (again / ANCHOR).read_text() == f"{newest.number} {newest.hash}\n"
        assert (again / ANCHOR).stat().st_mode & 0o777 == 0o600
        taken_off(state, newest.number - 1)
    assert told(again)[0] is CheckVerdict.WRONG


def test_what_was_taken_off_before_the_backup_is_told_after_the_restore(data, tmp_path):
    with State.open_folder(data, "") as state:
        taken_off(state, 2)
    restore_data_folder(backed_up(data, tmp_path / "b.tar", keys=False), tmp_path / "again", author="root")
    verdict, text = told(tmp_path / "again")
    assert (verdict, text) == (
        CheckVerdict.WRONG,
        "entry 3 is missing, or does not match the entry before it",
    )


def test_an_anchor_that_is_none_stays_one(data, tmp_path):
    (data / ANCHOR).write_text("nothing")
    restore_data_folder(backed_up(data, tmp_path / "b.tar", keys=False), tmp_path / "again", author="root")
    assert told(tmp_path / "again")[0] is CheckVerdict.WRONG


def test_the_anchor_is_not_ahead_of_the_state_that_is_kept(data, tmp_path, monkeypatch):
    from nephoscope.lake.backup import backup_writer

    write = backup_writer._write_backup_files

    def later(*given, **named):
        with State.open_folder(data, "") as state:
            added(state, "/meanwhile")
        return write(*given, **named)

    monkeypatch.setattr(backup_writer, "_write_backup_files", later)
    restore_data_folder(backed_up(data, tmp_path / "b.tar", keys=True), tmp_path / "again", author="root")
    assert told(tmp_path / "again")[0] is CheckVerdict.OK
