"""What each reader reads in its files: the tables of tests/cases/inventory, and the same files disturbed."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from nephoscope.collect.inventory.discovery import (
    InventoryReading,
    find_readers,
    load_inventory_readers,
    run_reader,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.collect.inventory.operating_system import OperatingSystem
from nephoscope.model.package import Package

FOLDER = Path(__file__).parents[2] / "cases" / "inventory"
CASES: list[dict[str, Any]] = [
    case
    for path in sorted(FOLDER.glob("*.yaml"))
    for case in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
]
#: Readers of bytes that are not text: test_programs.py, test_rpm.py, test_archives.py and test_containers.py have theirs.
OF_BYTES = {
    "chisel",
    "containerd_containers",
    "go_binary",
    "java_archive",
    "kernel_module",
    "nix_store",
    "podman_containers",
    "rpm",
    "rust_program",
    "vsix",
}
NAMES = [f"{number} {case['reader']}" for number, case in enumerate(CASES)]


def read(case: dict[str, Any], content: bytes) -> InventoryReading:
    beside = {path: text.encode() for path, text in case.get("beside", {}).items()}
    system = OperatingSystem(*case["system"]) if "system" in case else None
    file = InventoryFile(case["path"], content, beside.get, system)
    return run_reader(load_inventory_readers()[case["reader"]], file)


def agree(package: Package, line: str) -> None:
    kind, name, version, *details = line.split(" ")
    found = (package.type, package.name.replace(" ", "_"), package.version)
    assert found == (kind, name, "" if version == "-" else version)
    for detail in details:
        field, _, wanted = detail.partition("=")
        value = getattr(package, field)
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        assert (field, text.replace(" ", "_")) == (field, wanted)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_file_is_read_as_the_table_says(case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(UnreadableInventoryError) as raised:
            read(case, case["text"].encode())
        assert raised.value.path == case["path"]
        assert raised.value.line >= case["refused"]
        return
    reading = read(case, case["text"].encode())
    assert len(reading.packages) == len(case["want"]), reading
    for package, line in zip(reading.packages, case["want"], strict=True):
        assert package.path == case["path"]
        agree(package, line)
    assert len(reading.set_aside) == case.get("left", 0), reading.set_aside


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_other_ends_of_lines_and_a_mark_change_nothing(case: dict[str, Any]) -> None:
    if "refused" in case:
        return
    plain = read(case, case["text"].encode())
    assert read(case, case["text"].replace("\n", "\r\n").encode()).packages == plain.packages
    assert read(case, b"\xef\xbb\xbf" + case["text"].encode()).packages == plain.packages


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_cut_or_strange_file_is_read_or_refused(case: dict[str, Any]) -> None:
    content = case["text"].encode()
    shapes = (
        b"",
        b"[]",
        b"{}",
        b"null",
        b'"x"',
        b"[1, [2]]",
        b"a: [1",
        b"\xff\xfe\x00",
        b"<a/>",
        b"[a]\nb = 1",
        b"\x00" * 9,
    )
    for cut in (*(content[: len(content) * part // 4] for part in range(4)), *shapes):
        try:
            read(case, cut)
        except UnreadableInventoryError:
            continue


_TOKEN = re.compile(rb'"[^"\n]*"|[A-Za-z0-9_.@/-]+|\s+|.', re.DOTALL)
_JUNK = (
    b"null",
    b"1",
    b"[]",
    b"{}",
    b"true",
    b'{"a": 1}',
    b"[[]]",
    b"\n",
    b":",
    b"@",
    b"\xff",
    b"\0",
    b'"',
    b"<a>",
    b"&x;",
    b"*x",
)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_file_with_changed_words_is_read_or_refused(case: dict[str, Any]) -> None:
    choice = random.Random(case["text"])
    for _ in range(15):
        words = _TOKEN.findall(case["text"].encode()) or [b""]
        for _ in range(choice.randint(1, 4)):
            at = choice.randrange(len(words))
            words[at] = choice.choice((b"", choice.choice(words), choice.choice(_JUNK), choice.choice(_JUNK)))
        try:
            read(case, b"".join(words))
        except UnreadableInventoryError:
            continue


def test_every_reader_has_a_case_and_claims_the_paths_of_its_cases() -> None:
    named = {case["reader"] for case in CASES}
    assert named | OF_BYTES == set(load_inventory_readers())
    for case in CASES:
        reader = load_inventory_readers()[case["reader"]]
        if case.get("want"):
            assert reader in find_readers(case["path"]), (case["reader"], case["path"])


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("srv/package-lock.json", "package_lock_json"),
        ("package-lock.json", "package_lock_json"),
        ("var/lib/rpm/Packages", "rpm"),
        ("srv/var/lib/rpm/Packages", "rpm"),
        ("srv/lib/rpm/Packages", ""),
        ("srv/avar/lib/dpkg/status", ""),
        ("avar/lib/dpkg/status", ""),
        ("srv/package-lock.json.bak", ""),
        ("usr/lib/x.dist-info/METADATA", "python_metadata"),
    ],
)
def test_paths_are_claimed(path: str, wanted: str) -> None:
    assert [reader.name for reader in find_readers(path)] == ([wanted] if wanted else [])


def test_programs_are_claimed_by_their_first_bytes() -> None:
    names = {reader.name for reader in find_readers("usr/bin/tool", b"\x7fELF\x02\x01")}
    assert names == {"go_binary", "rust_program"}


def test_a_file_that_is_too_large_is_refused() -> None:
    reader = load_inventory_readers()["nvm_version"]
    with pytest.raises(UnreadableInventoryError, match="not read"):
        run_reader(reader, InventoryFile(".nvmrc", b" " * (reader.max_size + 1)))


def test_deep_documents_are_refused() -> None:
    deep = b"a = " + b"[" * 100_000
    named = {
        "bun_lock": "bun.lock",
        "composer_lock": "composer.lock",
        "pubspec_lock": "pubspec.lock",
        "uv_lock": "uv.lock",
        "bazel_maven": "WORKSPACE",
    }
    for name, path in named.items():
        content = deep if name in ("uv_lock", "bazel_maven") else deep.removeprefix(b"a = ")
        with pytest.raises(UnreadableInventoryError):
            run_reader(load_inventory_readers()[name], InventoryFile(path, content))
    with pytest.raises(UnreadableInventoryError):
        run_reader(load_inventory_readers()["pom_xml"], InventoryFile("pom.xml", b"<a>" * 300))
