"""A folder and an image of the same files get the same verdicts, with owners, links and what layers remove."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from click.testing import CliRunner, Result
from tests.collect.images.image_builder import make_layout

from nephoscope.cli.main import cli
from nephoscope.collect.images.layout import open_layout
from nephoscope.protect.baseline.baseline_evaluation import assess_baseline
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import FileStatus
from nephoscope.protect.baseline.folder_view import FolderView
from nephoscope.protect.baseline.image_view import open_image_view

LOWER: dict[str, bytes | str | None] = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/bash\n",
    "etc/group": b"root:x:0:\n",
    "etc/shadow": b"root:!:20000:0:99999:7:::\n",
    "etc/ssh/sshd_config": b"PermitRootLogin yes\n",
    "etc/sysctl.conf": b"net.ipv4.tcp_syncookies=1\n",
    "usr/lib/systemd/system/cups.service": b"[Unit]\n",
    "etc/systemd/system/multi-user.target.wants/cups.service": "/usr/lib/systemd/system/cups.service",
    "var/lib/dpkg/status": b"Package: talk\nStatus: install ok installed\nVersion: 1\n\n",
    "usr/lib/systemd/systemd": b"x",
    "root": None,
}
UPPER: dict[str, bytes | str | None] = {
    "etc/ssh/sshd_config": b"PermitRootLogin no\n",
    "etc/systemd/system/multi-user.target.wants/.wh.cups.service": b"",
}


class OwnedByRoot(FolderView):
    """The folder as if root had unpacked it: a test runs as anybody."""

    def read_entry_status(self, path: str) -> FileStatus | None:
        """Return the status of an entry with root as its owner; None where it does not exist. Raises UnreadableRootFileError."""
        found = super().read_entry_status(path)
        return found and msgspec.structs.replace(found, uid=0, gid=0)


def unpack(root: Path) -> None:
    files = {**LOWER, **UPPER}
    for path, held in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if held is None:
            place.mkdir(exist_ok=True)
            place.chmod(0o644)
        elif isinstance(held, str):
            place.symlink_to(held)
        elif ".wh." not in path:
            place.write_bytes(held)
            place.chmod(0o644)
    (root / "etc/systemd/system/multi-user.target.wants/cups.service").unlink()


def test_a_folder_and_an_image_have_the_same_verdicts(tmp_path: Path) -> None:
    root, layout = tmp_path / "root", tmp_path / "layout"
    root.mkdir()
    unpack(root)
    make_layout(layout, [LOWER, UPPER])
    folder = assess_baseline(ExaminedSystem(OwnedByRoot(root)))
    image = assess_baseline(ExaminedSystem(open_image_view(open_layout(layout))))
    differing = [
        (one.rule.name, one.state, other.state)
        for one, other in zip(folder, image, strict=True)
        if one.state is not other.state
    ]
    assert differing == []
    states = {one.rule.name: one.state.value for one in image}
    assert states["EnsureSshPermitRootLoginIsDisabled"] == "Pass"
    assert states["EnsureCupsServiceisDisabled"] == "Pass"
    assert states["EnsureTalkClientIsNotInstalled"] == "Fail"


def run(data: Path, *arguments: object) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), *map(str, arguments)])


def test_the_command(tmp_path: Path) -> None:
    root, facts = tmp_path / "root", tmp_path / "facts.json"
    root.mkdir()
    unpack(root)
    facts.write_text(json.dumps({"kernelParameters": {"net.ipv4.tcp_syncookies": "0"}}))
    told = run(tmp_path / "data", "protect", "baseline", root, "--facts", facts, "--all", "-o", "json")
    rows = {row["name"]: row for row in json.loads(told.stdout)}
    assert told.exit_code == 0
    assert rows["EnsureTcpSynCookiesAreEnabled"]["state"] == "Fail"
    assert rows["EnsureTcpSynCookiesAreEnabled"]["place"] == "live:kernelParameters"
    assert run(tmp_path / "data", "protect", "baseline", root, "--fail-on", "High").exit_code == 1
    assert run(tmp_path / "data", "protect", "baseline", root, "--fail-on-unknown").exit_code == 3
    sarif = json.loads(run(tmp_path / "data", "protect", "baseline", root, "-o", "sarif").stdout)
    results = sarif["runs"][0]["results"]
    assert any(
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("etc/shadow")
        for one in results
    )
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "data", "protect", "baseline", tmp_path / "empty").exit_code == 2
