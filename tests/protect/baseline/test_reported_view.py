"""The files that an agent reports give the same verdicts as the files of the host, and what it does not report none."""

from __future__ import annotations

import base64
import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from baseline_roots import make_system

from nephoscope.protect.baseline.baseline_evaluation import assess_rule
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import FileKind, FileView, UnreadableRootFileError
from nephoscope.protect.baseline.folder_view import FolderView
from nephoscope.protect.baseline.host_facts import HostFacts
from nephoscope.protect.baseline.machine_configurations import assess_configurations
from nephoscope.protect.baseline.reported_view import (
    MAX_ENTRIES,
    MAX_UNPACKED,
    ReportedFile,
    ReportedFiles,
    ReportedView,
    unpack_system,
)
from nephoscope.protect.baseline.rule_discovery import load_baseline_rules
from nephoscope_agent.examined_files import ExaminedFiles, hide_secrets
from nephoscope_agent.live_state import read_parameters
from nephoscope_agent.sensors.examined_system import pack_system
from nephoscope_agent.settings import Settings

CASES = Path(__file__).parents[2] / "cases" / "protect" / "baseline"


def write_root(folder: Path, root: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Write the root of a case, and return the owners that it names, which a test cannot give to files."""
    view, owners = make_system(root).view, {}
    for path in entries(view):
        status, target = view.read_entry_status(path), folder / path
        assert status is not None
        if status.kind is FileKind.LINK:
            target.symlink_to(view.read_link_target(path))
            continue
        if status.kind is FileKind.FOLDER:
            target.mkdir()
        else:
            target.write_bytes(view.read_entry(path))
        target.chmod(status.mode)
        owners[path] = (status.uid, status.gid)
    return owners


def entries(view: FileView, folder: str = "") -> Iterator[str]:
    """Yield every path of a root, a folder before what lies in it."""
    for name in view.list_entries(folder):
        path = f"{folder}/{name}".lstrip("/")
        yield path
        yield from entries(view, path)


def collect(folder: Path, owners: dict[str, tuple[int, int]]) -> ReportedFiles:
    """What the agent of a root reports, with the owners that the case names."""
    told = ExaminedFiles(Settings(root=str(folder))).collect()
    for path, entry in told["entries"].items():
        entry["uid"], entry["gid"] = owners.get(path, (0, 0))
    packed = zlib.compress(json.dumps({"files": told, "facts": {}}).encode())
    return unpack_system(packed).files


def cases() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        told = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        base = told.get("base", {})
        for name, case in told.items():
            if name == "base":
                continue
            passing = base if case["pass"] == "base" else case["pass"]
            found += [
                (name, case["id"], passing),
                (name, case["id"], base | case["fail"]),
                (name, case["id"], case["without"]),
            ]
    return found


def test_an_agent_reports_what_every_rule_reads(tmp_path: Path) -> None:
    """Of 169 rules the root that passes, the one that fails and the one without the thing."""
    rules, wrong, roots = load_baseline_rules(), [], {}
    for number, (name, id_, root) in enumerate(cases()):
        key = json.dumps(root, sort_keys=True, default=str)
        if key not in roots:
            folder = tmp_path / str(number)
            folder.mkdir()
            roots[key] = collect(folder, write_root(folder, root))
        expected = make_system(root)
        found = assess_rule(rules[id_], ExaminedSystem(ReportedView(roots[key]), expected.facts))
        wanted = assess_rule(rules[id_], expected)
        if found.state is not wanted.state:
            wrong.append((name, wanted.state.value, found))
    assert wrong == []


def test_this_machine_is_judged_as_by_its_own_files() -> None:
    told = ExaminedFiles(Settings()).collect()
    reported = unpack_system(zlib.compress(json.dumps({"files": told, "facts": {}}).encode()))
    given = assess_configurations(ExaminedSystem(ReportedView(reported.files), HostFacts()))
    own = assess_configurations(ExaminedSystem(FolderView(Path("/")), HostFacts()))
    differing = [
        f"{rule.name}: {mine.state.value}, reported {theirs.state.value}: {theirs.reason}"
        for one, other in zip(own, given, strict=True)
        for (rule, mine), (_, theirs) in zip(one.verdicts, other.verdicts, strict=True)
        if mine.state is not theirs.state
    ]
    assert differing == []


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        (
            "etc/shadow",
            b"root:$6$abc$def:1:0:99\nbin:!$6$x:1\nnobody:*:1\nopen::1\n",
            b"root:$6$hidden:1:0:99\nbin:!$6$hidden:1\nnobody:*:1\nopen::1\n",
        ),
        (
            "etc/passwd",
            b"kim:abcDEF:1000:1000::/home/kim:/bin/sh\nroot:x:0:0::/root:/bin/sh\n",
            b"kim:hidden:1000:1000::/home/kim:/bin/sh\nroot:x:0:0::/root:/bin/sh\n",
        ),
        (
            "boot/grub/grub.cfg",
            b"password_pbkdf2 root grub.pbkdf2.sha512.10000.AB12.CD34\n",
            b"password_pbkdf2 root grub.pbkdf2.sha512.hidden\n",
        ),
        (
            "boot/grub/menu.lst",
            b"password --md5 $1$ab$cd\npassword open\npassword root open\n",
            b"password --md5 $1$hidden\npassword hidden\npassword root hidden\n",
        ),
        ("etc/fstab", b"/dev/sda1 / ext4\n", b"/dev/sda1 / ext4\n"),
        (
            "etc/fstab",
            b"//host/a /a cifs username=kim,password=abc,uid=0 0 0\n",
            b"//host/a /a cifs username=kim,password=hidden,uid=0 0 0\n",
        ),
        (
            "etc/environment",
            b"API_TOKEN='a b'\nhttps_proxy=http://kim:abc@proxy:3128/\nPATH=/usr/bin\n",
            b"API_TOKEN=hidden\nhttps_proxy=http://kim:hidden@proxy:3128/\nPATH=/usr/bin\n",
        ),
        (
            "etc/systemd/system/a.service",
            b"ExecStart=/bin/a --token=abc -v\nEnvironment=DB_PASSWORD=abc\n",
            b"ExecStart=/bin/a --token=hidden -v\nEnvironment=DB_PASSWORD=hidden\n",
        ),
        ("etc/network/interfaces", b"wpa-psk abc\n", b"wpa-psk hidden\n"),
        ("etc/pam.d/a", b"password required pam_unix.so sha512\n", b"password required pam_unix.so sha512\n"),
        ("var/lib/rpm/rpmdb.sqlite", b"\0password=abc\0", b"\0password=abc\0"),
    ],
)
def test_no_hash_of_a_password_leaves_the_machine(path: str, content: bytes, told: bytes) -> None:
    assert hide_secrets(path, content) == told


def test_no_link_leads_to_a_secret(tmp_path: Path) -> None:
    """Of links that lead to files which are not listed only what everybody may read is told, without hashes."""
    for folder in ("etc/default", "etc/pam.d", "etc/authselect", "root", "var/lib"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "root").chmod(0o700)
    for path, text, mode in (
        ("etc/authselect/auth", "auth required pam_unix.so\n", 0o644),
        ("etc/shadow-", "root:$6$a$b:1::\n", 0o600),
        ("root/key", "abc\n", 0o644),
        ("etc/default/key", "-----BEGIN PRIVATE KEY-----\n", 0o644),
        ("var/lib/passwd", "root:abcDEF:0:0::/root:/bin/sh\n", 0o644),
    ):
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(mode)
    for path, target in (
        ("etc/pam.d/auth", "../authselect/auth"),
        ("etc/default/old", "/etc/shadow-"),
        ("etc/default/root", "/root/key"),
        ("etc/passwd", "/var/lib/passwd"),
    ):
        (tmp_path / path).symlink_to(target)
    entries = ExaminedFiles(Settings(root=str(tmp_path))).collect()["entries"]
    told = {
        path: one.get("text", one.get("reason")) for path, one in entries.items() if one["kind"] == "file"
    }
    assert told == {
        "etc/authselect/auth": "auth required pam_unix.so\n",
        "etc/shadow-": "a link leads to it, and not everybody may read it",
        "root/key": "a link leads to it, and not everybody may read it",
        "etc/default/key": "it holds a private key",
        "var/lib/passwd": "root:hidden:0:0::/root:/bin/sh\n",
    }


def test_keys_of_the_kernel_are_not_reported(tmp_path: Path) -> None:
    for path in ("net/ipv4/ip_forward", "net/ipv4/tcp_fastopen_key", "net/ipv6/conf/eth0/stable_secret"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1\n")
    assert read_parameters(str(tmp_path)) == {"net.ipv4.ip_forward": "1"}


def test_a_system_that_the_server_would_refuse_is_sent_without_its_longest_text() -> None:
    """The report also has the health of the agent, which would never arrive with it."""
    entries = {
        name: {"kind": "file", "mode": 0o644, "text": random.Random(1).randbytes(size).decode("latin-1")}
        for name, size in (("a", 50_000), ("b", 500))
    }
    packed = pack_system({"files": {"entries": entries, "listed": [], "absent": []}, "facts": {}}, 4_000)
    assert len(packed) <= 4_000
    view = ReportedView(unpack_system(base64.b64decode(packed)).files)
    assert view.read_bytes("b") is not None
    with pytest.raises(UnreadableRootFileError, match="too large"):
        view.read_bytes("a")


def test_what_an_agent_does_not_report_is_unreadable() -> None:
    folder, file = ReportedFile(FileKind.FOLDER, 0o755), ReportedFile(FileKind.FILE, 0o644, text="x")
    view = ReportedView(
        ReportedFiles(
            {"etc": folder, "etc/a": file, "etc/d": folder, "etc/d/b": file},
            frozenset({"etc/d"}),
            frozenset({"run", "etc/c"}),
        )
    )
    assert view.read_text("etc/a") == "x"
    assert not view.exists("etc/c")
    assert not view.exists("etc/d/c")
    assert not view.exists("run/sysctl.d/a")
    assert view.names("etc/d") == ("b",)
    for path in ("etc/e", "usr/lib"):
        with pytest.raises(UnreadableRootFileError):
            view.exists(path)
    with pytest.raises(UnreadableRootFileError):
        view.names("etc")


@pytest.mark.parametrize(
    "files",
    [
        {"entries": {f"p{one}": {"kind": "file", "mode": 1} for one in range(MAX_ENTRIES + 1)}},
        {"entries": {}, "listed": [f"p{one}" for one in range(MAX_ENTRIES + 1)]},
        {"entries": {}, "absent": ["x"] * (9 * MAX_ENTRIES)},
    ],
    ids=["entries", "listed", "the same again"],
)
def test_a_report_of_too_many_entries_is_refused(files: object) -> None:
    with pytest.raises(ValueError, match="more than 100,000 entries"):
        unpack_system(zlib.compress(json.dumps({"files": files, "facts": {}}).encode(), 1))


@pytest.mark.parametrize(
    "packed",
    [b"", b"no", zlib.compress(b"[]"), zlib.compress(b"{}")[:-3], zlib.compress(b" " * (MAX_UNPACKED + 1))],
    ids=["empty", "text", "list", "cut", "large"],
)
def test_a_report_that_is_none_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"not packed|cut off|Expected|JSON"):
        unpack_system(packed)
