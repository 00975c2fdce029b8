"""What sensors read: lists of package managers, files that grow, records of logins, the buffer."""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest

from nephoscope_agent import log_follower
from nephoscope_agent.disk_buffer import DiskBuffer
from nephoscope_agent.log_follower import LogFollower
from nephoscope_agent.machine import read_machine
from nephoscope_agent.package_managers import AvailableUpdate, dnf, zypper
from nephoscope_agent.package_managers.apt import _INSTALL, _update
from nephoscope_agent.process_table import HashCache
from nephoscope_agent.regular_file import open_regular
from nephoscope_agent.row import Row
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors import logins
from nephoscope_agent.sensors.logins import LoginsSensor
from nephoscope_agent.settings import Settings

APT = {
    "Inst curl [8.14.1-2] (8.14.1-2+deb13u1 Debian-Security:13/stable-security [amd64]) []":
        AvailableUpdate("curl", "8.14.1-2+deb13u1", "8.14.1-2", "Security", "Debian-Security:13/stable-security"),
    "Inst tzdata [2026a-1] (2026b-1 Debian:13.2/stable [all])":
        AvailableUpdate("tzdata", "2026b-1", "2026a-1", "Other", "Debian:13.2/stable"),
    "Inst libnew (1.0 Debian:13/stable [amd64])": None,
    "Conf curl (8.14.1-2+deb13u1 Debian-Security:13/stable-security [amd64])": None,
}  # fmt: skip


@pytest.mark.parametrize("line", APT)
def test_apt(line: str) -> None:
    found = _INSTALL.match(line)
    assert (_update(found) if found else None) == APT[line]


def test_dnf() -> None:
    advisories = dnf.parse_advisories(
        "RHSA-2026:1 Important/Sec. openssl-3.0.7-2.el9.x86_64\nRHSA-2026:2 Critical/Sec. bash-5.1-9.el9.x86_64\n"
        "RHBA-2026:3 bugfix tzdata-2026b-1.el9.noarch\n"
    )
    text = (
        "\nopenssl.x86_64 1:3.0.7-2.el9 baseos\nbash.x86_64 5.1-9.el9 baseos\ntzdata.noarch 2026b-1.el9 baseos\n"
        "Obsoleting Packages\nold.x86_64 1-1 baseos\n"
    )
    found = dnf.parse_updates(text, advisories, {"bash": "5.1-8.el9"})
    assert [(one.name, one.classification, one.advisory, one.installed) for one in found] == [
        ("openssl", "Security", "RHSA-2026:1", ""), ("bash", "Critical", "RHSA-2026:2", "5.1-8.el9"),
        ("tzdata", "Other", "RHBA-2026:3", ""),
    ]  # fmt: skip


def test_zypper() -> None:
    text = """<?xml version='1.0'?><stream><update-status><update-list>
      <update name="SUSE-2026-1" edition="1" kind="patch" category="security" severity="important"><source alias="updates"/></update>
      <update name="curl" edition="8.1" edition-old="8.0" kind="package"><source alias="main"/></update>
      </update-list></update-status></stream>"""
    assert zypper.parse_updates(text) == [
        AvailableUpdate("SUSE-2026-1", "1", "", "Security", "updates", "SUSE-2026-1"),
        AvailableUpdate("curl", "8.1", "8.0", "Other", "main"),
    ]  # fmt: skip


def test_a_log_is_followed_over_rotation(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    follower = LogFollower(str(path))
    assert follower.read() == []
    with path.open("a") as file:
        file.write("one\ntwo\nhal")
    assert follower.read() == [b"one", b"two"]
    later = LogFollower(str(path))
    later.restore(follower.place)
    with path.open("a") as file:
        file.write("f\n")
    assert later.read() == [b"half"]
    path.rename(tmp_path / "log.1")
    path.write_text("three\n")
    assert later.read() == [b"three"]
    path.unlink()
    assert later.read() == []


def test_a_line_without_an_end_does_not_stop_those_behind_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(log_follower, "_MOST", 8)
    path = tmp_path / "log"
    path.write_text("")
    follower = LogFollower(str(path))
    follower.read()
    path.write_text("x" * 20 + "\none\n")
    assert [line for _ in range(6) for line in follower.read()][-1] == b"one"


def test_no_pipe_makes_the_agent_wait(tmp_path) -> None:
    # whoever runs a program may put something else in its place before it is hashed
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    assert [HashCache().hash_file(str(one)) for one in (pipe, link)] == [{}, {}]
    for one in (pipe, link):
        with pytest.raises(OSError, match="regular"):
            open_regular(str(one))


def test_entries_of_the_journal_that_users_make_up_stop_nothing(tmp_path, monkeypatch) -> None:
    (tmp_path / "etc").mkdir()
    settings = Settings(root=str(tmp_path))
    sensor = LoginsSensor(SensorContext(settings, read_machine(settings)))
    sensor.restore({"files": {}, "journal": "s=1"})
    entries = [
        {"__CURSOR": "s=2", "MESSAGE": "hello", "PRIORITY": ["1", "2"], "SYSLOG_IDENTIFIER": ["a", "b"], "_PID": "7"},
        {"__CURSOR": "s=3", "MESSAGE": "hello", "PRIORITY": "99", "SYSLOG_IDENTIFIER": "x"},
        {"__CURSOR": "s=4", "MESSAGE": [1, 2]},
    ]  # fmt: skip
    monkeypatch.setattr(logins, "run_program", lambda _: "\n".join(map(json.dumps, entries)))
    found = [(row.values["ProcessName"], row.values["SeverityLevel"]) for row in sensor._journal_rows(1.0)]
    assert found == [("", "info"), ("x", "info")]


def rows(count: int, size: int = 10) -> list[Row]:
    return [Row("Syslog", {"SyslogMessage": f"{number}" * size}) for number in range(count)]


def test_a_buffer_survives_and_keeps_its_order(tmp_path) -> None:
    buffer = DiskBuffer(tmp_path, 1 << 20)
    first, second = buffer.add(rows(2), {"a": 1}), buffer.add(rows(3), {"b": 2})
    assert first < second
    again = DiskBuffer(tmp_path, 1 << 20)
    assert again.list_pending() == [first, second]
    assert again.cursors == {"a": 1, "b": 2}
    again.remove(first)
    again.remove(second)
    assert DiskBuffer(tmp_path, 1 << 20).add(rows(1), {}) > second


def test_cursors_are_those_of_the_newest_batch(tmp_path) -> None:
    """A kill between the batch and the file beside it: the rows are there, and are not read again."""
    buffer = DiskBuffer(tmp_path, 1 << 20)
    buffer.add(rows(1), {"a": 1})
    kept = (tmp_path / "cursors.json").read_bytes()
    last = buffer.add(rows(1), {"a": 2})
    (tmp_path / "cursors.json").rename(tmp_path / f"{last}.cursors")
    (tmp_path / "cursors.json").write_bytes(kept)
    # of a batch that was not written its cursors do not count
    (tmp_path / f"{last + 1}.cursors").write_text('{"sequence": 1, "cursors": {"a": 3}, "lost": {}}')
    (tmp_path / "9.batch.new").write_bytes(b"half")
    again = DiskBuffer(tmp_path, 1 << 20)
    assert again.cursors == {"a": 2}
    assert len(again.list_pending()) == 2


def test_a_full_buffer_counts_what_it_drops(tmp_path) -> None:
    buffer = DiskBuffer(tmp_path, 700)
    for number in range(20):
        buffer.add(rows(5, 30 + number), {})
    kept = sum(len(buffer.read(one)["rows"]["Syslog"]) for one in buffer.list_pending())
    assert kept + buffer.lost["full/Syslog"] == 100
    assert 0 < buffer.size <= 700
    assert DiskBuffer(tmp_path, 700).lost == buffer.lost
    buffer.add([Row("Update", {"Title": "".join(map(str, range(3_000)))})], {})
    assert buffer.lost["full/Update"] == 1


def test_a_disk_that_takes_nothing_raises_and_loses_nothing(tmp_path, monkeypatch) -> None:
    buffer = DiskBuffer(tmp_path, 1 << 20)
    buffer.add(rows(1), {"a": 1})
    before = (buffer.list_pending(), Counter(buffer.lost))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        buffer.add(rows(1), {"a": 2})
    assert (buffer.list_pending(), buffer.lost) == before
    assert not list(tmp_path.glob("*.new"))
