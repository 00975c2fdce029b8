"""A normal day of a machine: dpkg upgrades a package, logs are rotated, cron runs its jobs; what file integrity monitoring finds.

The counts stand in docs/guides/file-integrity.md.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.protect.files.change_rows import TABLE
from nephoscope.protect.files.monitoring_settings import MaintenanceWindow, MonitoringSettings
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.service.file_integrity import IntegrityScan, scan_host, start_monitoring
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State

pytestmark = pytest.mark.system
HOUR = timedelta(hours=1)
CONTROL = "Package: tool\nVersion: {version}\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: a tool\n"
JOB = """#!/bin/sh
mkdir -p {root}/var/lib/tool {root}/var/backups
date > {root}/var/lib/tool/state
cp {root}/etc/passwd {root}/var/backups/
"""


def build_package(folder: Path, root: Path, version: str) -> Path:
    """Build a package with a program, settings, a job of cron and a unit of systemd."""
    tree = folder / f"tree-{version}"
    for path, text in {
        "DEBIAN/control": CONTROL.format(version=version), "DEBIAN/conffiles": "/etc/tool/tool.conf\n",
        "usr/bin/tool": f"#!/bin/sh\necho {version}\n", "etc/tool/tool.conf": f"# {version}\n",
        "etc/cron.daily/tool": JOB.format(root=root) + f"# {version}\n",
        "lib/systemd/system/tool.service": f"[Service]\nExecStart=/usr/bin/tool {version}\n",
        "usr/share/doc/tool/changelog": f"{version}\n",
    }.items():  # fmt: skip
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    for path in ("usr/bin/tool", "etc/cron.daily/tool"):
        (tree / path).chmod(0o755)
    made = folder / f"tool_{version}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(made)], check=True, capture_output=True
    )
    return made


def install(root: Path, package: Path) -> None:
    """Install or upgrade below a root, as root of a namespace where the test is not root."""
    words = [] if os.getuid() == 0 else ["unshare", "-r"]
    done = subprocess.run(
        [*words, "dpkg", f"--root={root}", "--log=/dev/null", "--install", str(package)],
        check=False, capture_output=True, text=True, env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def rotate_logs(root: Path) -> None:
    """Do what logrotate does by default: rename, create anew, and note when."""
    log = root / "var/log/syslog"
    log.rename(log.with_suffix(".1"))
    log.touch(mode=0o640)
    (root / "var/lib/logrotate").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/logrotate/status").write_text(f'"{log}" {datetime.now(UTC):%Y-%m-%d-%H:%M:%S}\n')


def make_root(folder: Path) -> Path:
    """Make a root that dpkg manages, with the first version of the package."""
    found = folder / "root"
    for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc"):
        (found / name).mkdir(parents=True)
    for name in ("status", "available"):
        (found / "var/lib/dpkg" / name).touch()
    (found / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (found / "var/log/syslog").write_text("a line\n")
    install(found, build_package(folder, found, "1.0"))
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path)


def live_a_day(folder: Path, root: Path) -> None:
    """Upgrade the package, rotate a log, and run the jobs of the day."""
    install(root, build_package(folder, root, "1.1"))
    rotate_logs(root)
    subprocess.run(["run-parts", str(root / "etc/cron.daily")], check=True)
    assert (root / "var/backups/passwd").exists()


def scan_and_detect(data: Path, state: State) -> tuple[IntegrityScan, Counter[str]]:
    """Scan, and count the alerts by the file that they are about."""
    context = ServiceContext(LocalUser.current(), state, data)
    with open_lake_with_estate(data, state) as lake:
        scanned = scan_host(context, "web01")
        while deliver_outbox(lake, state) is None:
            time.sleep(0.01)
        lake.flush()
        rules = [one for one in load_shipped_rules().rules if TABLE in one.tables]
        assert len(rules) == 2
        now = datetime.now(UTC) + timedelta(seconds=1)
        ran = list(Schedule(lake, state, rules, "default").run_all_rules_once(now, now))
        assert [one.outcome.error for one in ran] == ["", ""]
        alerts = state.alerts.list_newest("default")
        return scanned, Counter(str(one.document["AlertName"]) for one in alerts)


@pytest.mark.parametrize("window", [False, True], ids=["outside a window", "in a window"])
def test_a_normal_day(tmp_path: Path, state: State, root: Path, window: bool) -> None:
    data, now = tmp_path / "data", datetime.now(UTC)
    windows = (MaintenanceWindow(now - HOUR, now + HOUR, "patch day"),) if window else ()
    context = ServiceContext(LocalUser.current(), state, data)
    start_monitoring(context, "web01", root, MonitoringSettings(windows=windows))
    quiet, none = scan_and_detect(data, state)
    live_a_day(tmp_path, root)
    day, alerts = scan_and_detect(data, state)
    assert (len(quiet.new), none) == (0, Counter())
    # the upgrade alone: rotated logs, the notes of logrotate and what the job writes lie outside of the recommended paths
    assert {one.path for one in day.new} == {
        "/usr/bin/tool", "/etc/tool/tool.conf", "/etc/cron.daily/tool", "/lib/systemd/system/tool.service",
    }  # fmt: skip
    told = [] if window else ["/etc/cron.daily/tool", "/lib/systemd/system/tool.service"]
    assert alerts == Counter(f"Security-relevant file {one} changed on web01" for one in told)
    assert len(day.open) == (0 if window else 4)
