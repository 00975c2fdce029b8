"""Files against a baseline: what changes is found by its content and attributes, told once, and approved by a person or a window."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from nephoscope.protect.files.change_rows import TABLE
from nephoscope.protect.files.file_change import compare_files, restore_unread_records
from nephoscope.protect.files.file_record import FileRecord
from nephoscope.protect.files.file_scan import MAX_DEPTH, scan_files
from nephoscope.protect.files.monitored_host import MonitoredHostError, load_host, save_host
from nephoscope.protect.files.monitored_paths import PathRule, list_recommended_paths
from nephoscope.protect.files.monitoring_settings import (
    MaintenanceWindow,
    MonitoringSettings,
    MonitoringSettingsError,
    read_settings,
)
from nephoscope.service.file_integrity import (
    WRITE,
    approve_changes,
    change_settings,
    scan_host,
    start_monitoring,
)
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.ingestion.outbox import OutboxRow

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
RULES = (PathRule("/etc", ("*.swp", "/etc/cache/*")), PathRule("/usr/bin"), PathRule("/opt/*.sh"))


def write_root(root: Path) -> None:
    for path, text in {
        "etc/passwd": "root:x:0:0\n", "etc/shadow": "root:!:1\n", "etc/app/app.conf": "a=1\nb=2\n", "usr/bin/tool": "tool",
        "opt/run.sh": "run", "opt/other.txt": "no", "var/log/x": "no", "etc/x.swp": "no", "etc/cache/y": "no",
    }.items():  # fmt: skip
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "etc/link").symlink_to("passwd")


def rename_over(root: Path) -> None:
    (root / "etc/new").write_text("a=1\nb=3\n")
    (root / "etc/new").replace(root / "etc/app/app.conf")


def restore_time(root: Path) -> None:
    place = root / "usr/bin/tool"
    about = place.stat()
    place.write_text("evil")
    os.utime(place, ns=(about.st_atime_ns, about.st_mtime_ns))


def write_by_map(root: Path) -> None:
    import mmap

    with (root / "usr/bin/tool").open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as mapped:
        mapped[:4] = b"EVIL"


def point_elsewhere(root: Path) -> None:
    (root / "etc/link").unlink()
    (root / "etc/link").symlink_to("shadow")


CHANGES: dict[str, tuple[Callable[[Path], object], list[tuple[str, str, str]]]] = {
    "nothing": (lambda root: None, []),
    "a touched file": (lambda root: os.utime(root / "etc/passwd", (1, 1)), []),
    "what is excluded": (lambda root: (root / "etc/x.swp").write_text("z"), []),
    "what no rule names": (lambda root: (root / "opt/other.txt").write_text("z"), []),
    "a new file": (lambda root: (root / "usr/bin/new").write_text("x"), [("Created", "/usr/bin/new", "")]),
    "a new name of a file": (
        lambda root: os.link(root / "usr/bin/tool", root / "usr/bin/again"), [("Created", "/usr/bin/again", "")],
    ),
    "a file that is gone": (lambda root: (root / "opt/run.sh").unlink(), [("Deleted", "/opt/run.sh", "")]),
    "renamed over": (rename_over, [("Modified", "/etc/app/app.conf", "sha256")]),
    "written with its time restored": (restore_time, [("Modified", "/usr/bin/tool", "sha256")]),
    "written through memory": (write_by_map, [("Modified", "/usr/bin/tool", "sha256")]),
    "another mode": (lambda root: (root / "usr/bin/tool").chmod(0o4755), [("Modified", "/usr/bin/tool", "mode")]),
    "another mode of a folder": (lambda root: (root / "etc/app").chmod(0o777), [("Modified", "/etc/app", "mode")]),
    "an extended attribute": (
        lambda root: os.setxattr(root / "usr/bin/tool", "user.a", b"1"), [("Modified", "/usr/bin/tool", "xattrs")],
    ),
    "a link that leads elsewhere": (point_elsewhere, [("Modified", "/etc/link", "link")]),
    "a folder in place of a file": (
        lambda root: ((root / "opt/run.sh").unlink(), (root / "opt/run.sh").mkdir(mode=0o644)),
        [("Modified", "/opt/run.sh", "kind, sha256, size")],
    ),
}  # fmt: skip


def test_what_changes_is_found_and_nothing_else(tmp_path: Path) -> None:
    wrong = []
    for number, (name, (change, expected)) in enumerate(CHANGES.items()):
        root = tmp_path / str(number)
        write_root(root)
        (root / "usr/bin/tool").chmod(0o755)
        (root / "opt/run.sh").chmod(0o644)
        before = scan_files(root, RULES)
        change(root)
        found = [
            (one.change, one.path, ", ".join(one.fields))
            for one in compare_files(before, scan_files(root, RULES))
        ]
        if found != expected:
            wrong.append((name, found))
    assert wrong == []


def test_another_owner_and_a_file_that_cannot_be_read_are_changes() -> None:
    one = FileRecord("/etc/a", "file", 0o644, 0, 0, 1, "x")
    for other, fields in (
        (msgspec.structs.replace(one, uid=1234, gid=5), ("uid", "gid")),
        (msgspec.structs.replace(one, sha256="", problem="Permission denied"), ("sha256", "problem")),
    ):
        (found,) = compare_files({"/etc/a": one}, {"/etc/a": other})
        assert (found.change, found.fields) == ("Modified", fields)


def test_links_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "app").mkdir(parents=True)
    (outside / "app/secret.conf").write_text("outside")
    (root / "srv/app").mkdir(parents=True)
    (root / "srv/app/own.conf").write_text("inside")
    (root / "etc").symlink_to(outside)
    (root / "opt").symlink_to("/srv")
    (root / "loop").symlink_to("loop")
    rules = (PathRule("/etc/app"), PathRule("/etc/*"), PathRule("/opt/app"), PathRule("/loop/x"))
    found = scan_files(root, rules)
    assert {path: one.kind for path, one in found.items()} == {
        "/opt/app": "folder", "/opt/app/own.conf": "file", "/loop": "other",
    }  # fmt: skip
    assert found["/loop"].problem


def test_what_lies_below_an_unread_folder_is_not_deleted() -> None:
    before = {
        path: FileRecord(path, kind)
        for path, kind in (("/etc", "folder"), ("/etc/a", "file"), ("/b", "file"))
    }
    after = {"/etc": FileRecord("/etc", "folder", problem="Permission denied")}
    found = [(one.change, one.path) for one in compare_files(before, restore_unread_records(before, after))]
    assert found == [("Deleted", "/b"), ("Modified", "/etc")]


def test_a_folder_that_is_too_deep_or_cannot_be_listed_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deepest = "/etc" + "/d" * MAX_DEPTH
    (tmp_path / deepest[1:]).mkdir(parents=True)
    rules = (PathRule("/etc"),)
    assert not [path for path, one in scan_files(tmp_path, rules).items() if one.problem]
    (tmp_path / f"{deepest}/hidden"[1:]).write_text("x")
    found = scan_files(tmp_path, rules)
    assert {path: one.problem for path, one in found.items() if one.problem} == {
        deepest: "folders deeper than 64 levels are not scanned"
    }

    def refuse(place: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    assert {path: one.problem for path, one in scan_files(tmp_path, rules).items()} == {
        "/etc": "Permission denied"
    }


def test_texts_of_configuration_have_a_diff_and_secrets_never(tmp_path: Path) -> None:
    write_root(tmp_path)
    before = scan_files(tmp_path, RULES)
    rename_over(tmp_path)
    (tmp_path / "etc/shadow").write_text("root:$6$new\n")
    found = {one.path: one for one in compare_files(before, scan_files(tmp_path, RULES))}
    assert [line for line in found["/etc/app/app.conf"].diff if line[:1] in "+-"][2:] == ["-b=2", "+b=3"]
    assert found["/etc/shadow"].fields == ("sha256", "size")
    assert found["/etc/shadow"].diff == ()
    assert b"$6$new" not in msgspec.json.encode(list(found.values()))


class Scene:
    """A root, a data folder with a state, and a clock that tests set."""

    def __init__(self, folder: Path, state: State) -> None:
        self.root, self.data, self.state, self.now = folder / "root", folder / "data", state, NOW
        write_root(self.root)

    @property
    def context(self) -> ServiceContext:
        return ServiceContext(LocalUser("tester"), self.state, self.data, lambda: self.now)

    def rows(self) -> list[dict[str, Any]]:
        query = select(OutboxRow).where(OutboxRow.table_name == TABLE).order_by(OutboxRow.id)
        with self.state.database.read() as session:
            return [dict(one.row) for one in session.scalars(query)]


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    with State.open_folder(tmp_path / "data", "") as state:
        yield Scene(tmp_path, state)


def test_a_change_is_told_once_and_stays_open_until_it_is_approved(scene: Scene) -> None:
    start_monitoring(scene.context, "h1", scene.root, MonitoringSettings(RULES))
    (scene.root / "usr/bin/tool").write_text("evil")
    told = [scan_host(scene.context, "h1", "/r"), scan_host(scene.context, "h1", "/r")]
    assert [(len(one.new), len(one.open)) for one in told] == [(1, 1), (0, 1)]
    (row,) = scene.rows()
    assert (row["ChangeType"], row["FilePath"], row["Computer"]) == ("Modified", "/usr/bin/tool", "h1")
    assert row["OldValueData"] != row["NewValueData"]
    assert not row["RequestSource"]
    assert approve_changes(scene.context, "h1", ["/etc/*"], "") == []
    assert [one.path for one in approve_changes(scene.context, "h1", ["/usr/*"], "release")] == [
        "/usr/bin/tool"
    ]
    assert scan_host(scene.context, "h1").open == ()


def test_changes_of_a_maintenance_window_are_approved_and_say_so(scene: Scene) -> None:
    window = MaintenanceWindow(NOW, NOW + timedelta(hours=1), "patch day", every_days=7)
    start_monitoring(scene.context, "h1", scene.root, MonitoringSettings(RULES))
    change_settings(scene.context, "h1", MonitoringSettings(RULES, (window,)))
    (scene.root / "usr/bin/tool").write_text("new version")
    scene.now = NOW + timedelta(days=7, minutes=5)
    within = scan_host(scene.context, "h1")
    assert (len(within.new), within.open) == (1, ())
    entries = scene.state.audit.list_entries_about("monitored host h1", NOW - timedelta(days=9000))
    approved = [one for one in entries if one.detail.get("act") == "approve"]
    assert [(one.operation, one.detail["reason"], one.detail["paths"]) for one in approved] == [
        (WRITE, "patch day", ["/usr/bin/tool"])
    ]
    (scene.root / "usr/bin/tool").write_text("evil")
    scene.now = NOW + timedelta(days=7, hours=1)
    assert len(scan_host(scene.context, "h1").open) == 1
    assert [one["RequestSource"] for one in scene.rows()] == ["Maintenance: patch day", ""]


@pytest.mark.parametrize(
    ("days", "minutes", "expected"),
    [
        (0, -1, False),
        (0, 0, True),
        (0, 59, True),
        (0, 60, False),
        (1, 30, False),
        (7, 0, True),
        (14, 59, True),
        (14, 60, False),
    ],
)
def test_windows_repeat(days: int, minutes: int, expected: bool) -> None:
    window = MaintenanceWindow(NOW, NOW + timedelta(hours=1), every_days=7)
    assert window.contains(NOW + timedelta(days=days, minutes=minutes)) is expected


SETTINGS = {
    "no JSON": b"{",
    "another member": b'{"paths": []}',
    "a relative path": b'{"rules": [{"path": "etc"}]}',
    "a path that leads up": b'{"rules": [{"path": "/etc/../root"}]}',
    "a time without a zone": b'{"windows": [{"starts": "2026-01-01T00:00:00", "ends": "2026-01-02T00:00:00Z"}]}',
    "an end before the start": b'{"windows": [{"starts": "2026-01-02T00:00:00Z", "ends": "2026-01-01T00:00:00Z"}]}',
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_be_meant_are_refused(case: str) -> None:
    with pytest.raises(MonitoringSettingsError):
        read_settings(SETTINGS[case])


def test_recommended_paths_are_there_for_both_systems() -> None:
    assert len(list_recommended_paths("linux")) == 18
    assert any(one.path.startswith("HKLM") for one in list_recommended_paths("windows"))


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x" * 200])
def test_a_name_that_is_no_file_is_refused(scene: Scene, name: str) -> None:
    with pytest.raises(MonitoredHostError):
        load_host(scene.data, name)


def test_a_damaged_file_of_a_host_says_so(scene: Scene) -> None:
    start_monitoring(scene.context, "h1", scene.root, MonitoringSettings(RULES))
    host = load_host(scene.data, "h1")
    save_host(scene.data, host)
    assert load_host(scene.data, "h1") == host
    place = scene.data / "files" / "h1.json.gz"
    assert place.stat().st_mode & 0o777 == 0o600
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(MonitoredHostError, match="cannot be read"):
        load_host(scene.data, "h1")
