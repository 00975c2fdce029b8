"""A package that dpkg upgrades, as the agent sees it: each change has dpkg as its actor, and none raises an alert."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.agent.served import Host, Server
from tests.protect.files.test_normal_day import CONTROL, live_a_day, make_root
from tests.waiting import wait_until

from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.protect.files.change_rows import TABLE

pytestmark = pytest.mark.system
WATCHED = ["/etc", "/usr/bin", "/lib/systemd/system"]
CHANGED = {"/etc/cron.daily/tool", "/etc/tool/tool.conf", "/lib/systemd/system/tool.service", "/usr/bin/tool"}


def test_an_upgrade_has_its_actor_and_raises_no_alert(server: Server, host: Host, tmp_path: Path) -> None:
    root = make_root(tmp_path)
    host.enrol(server, sensors=["files"], root=str(root), watched=WATCHED)
    host.start()
    (sensor,) = [one for one in host.status()["sensors"] if one["name"] == "files"]
    live_a_day(tmp_path, root)
    wait_until(lambda: {one["FilePath"] for one in server.rows(TABLE)} >= CHANGED, host.log)
    rows = server.rows(TABLE)
    assert {one["FilePath"] for one in rows} == CHANGED
    rules = [one for one in load_shipped_rules().rules if TABLE in one.tables]
    now = datetime.now(UTC) + timedelta(seconds=1)
    instance = server.instance
    ran = list(Schedule(instance.lake, instance.state, rules, "default").run_all_rules_once(now, now))
    assert [one.outcome.error for one in ran] == ["", ""]
    # where the kernel names no actor the agent says so, and an upgrade looks like any other change
    named = not any("no actor" in one for one in sensor["limits"])
    assert {one["InitiatingProcessName"] for one in rows} == ({"dpkg"} if named else {""})
    assert len(instance.state.alerts.list_newest("default")) == (0 if named else 2)
    host.stop()


def install_with_script(folder: Path, root: Path) -> None:
    """Install a package whose script adds a rule of sudo, without the shell that a root of its own would need."""
    tree = folder / "scripted"
    for path, text in {
        "DEBIAN/control": CONTROL.format(version="1.0").replace("Package: tool", "Package: scripted"),
        "DEBIAN/postinst": '#!/bin/sh\necho "%tool ALL=(ALL) ALL" > "$DPKG_ROOT/etc/sudoers.d/tool"\nsleep 1\n',
    }.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    (tree / "DEBIAN/postinst").chmod(0o755)
    package = folder / "scripted.deb"
    environment = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    for words in (
        ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(package)],
        [
            *([] if os.getuid() == 0 else ["unshare", "-r"]),
            *("dpkg", f"--root={root}", "--log=/dev/null", "--force-script-chrootless", "--install", str(package)),
        ],
    ):  # fmt: skip
        subprocess.run(words, check=True, capture_output=True, env=environment)


@pytest.mark.full
def test_what_a_script_of_a_package_changes_is_the_package_managers(
    server: Server, host: Host, tmp_path: Path
) -> None:
    root = make_root(tmp_path)
    (root / "etc/sudoers.d").mkdir()
    host.enrol(server, sensors=["files"], root=str(root), watched=["/etc"])
    host.start()
    (sensor,) = [one for one in host.status()["sensors"] if one["name"] == "files"]
    install_with_script(tmp_path, root)
    (root / "etc/sudoers.d/by-hand").write_text("mallory ALL=(ALL) ALL\n")
    wanted = {"/etc/sudoers.d/tool", "/etc/sudoers.d/by-hand"}
    wait_until(lambda: {one["FilePath"] for one in server.rows(TABLE)} >= wanted, host.log)
    said = {one["FilePath"]: one["RequestSource"] or "" for one in server.rows(TABLE)}
    named = not any("no actor" in one for one in sensor["limits"])
    assert said == {
        "/etc/sudoers.d/tool": "Package manager: dpkg" if named else "",
        "/etc/sudoers.d/by-hand": "",
    }
    host.stop()
