"""Every reader on its own files, disturbed: packages, or the one error that readers raise."""

from __future__ import annotations

import random
import tempfile
from functools import cache
from pathlib import Path

import pytest
from tests.collect.inventory import bolt_files, program_files, rpm_files
from tests.collect.inventory.test_archives import properties, zipped
from tests.collect.inventory.test_readers import CASES
from tests.disturbed import disturbed

from nephoscope.collect.inventory.discovery import load_inventory_readers, run_reader
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError

FEW, MANY = 12, 4_000


@cache
def seeds() -> dict[str, list[tuple[str, bytes]]]:
    """Return the files of each reader, as paths and contents."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for case in CASES:
        found.setdefault(case["reader"], []).append((case["path"], case["text"].encode()))
    blobs = [rpm_files.package("bash", "5.1", "9.el9"), rpm_files.package("curl", "7.76", "1.el9", epoch=2)]
    with tempfile.TemporaryDirectory() as folder:
        databases = [
            rpm_files.ndb(blobs),
            rpm_files.berkeley(blobs),
            rpm_files.sqlite(Path(folder) / "a", blobs),
        ]
    found["rpm"] = [("var/lib/rpm/Packages", content) for content in databases]
    jar = zipped(
        {
            "META-INF/MANIFEST.MF": "Bundle-Version: 1\n",
            "META-INF/maven/g/a/pom.properties": properties("g", "a", "1"),
        }
    )
    found["java_archive"] = [("a/b-1.2.jar", jar), ("a/c.war", zipped({"WEB-INF/lib/b-1.2.jar": jar}))]
    found["vsix"] = [("a.vsix", zipped({"extension/package.json": '{"name": "a", "version": "1"}'}))]
    modules = program_files.build_information("go1.22.1", "path\ta\nmod\ta\tv1.0.0\ndep\tb\tv2.0.0\th1:x\n")
    for make in (program_files.elf, program_files.pe, program_files.mach_o):
        found.setdefault("go_binary", []).append(
            ("bin/a", make({".go.buildinfo": modules, "__go_buildinfo": modules}))
        )
        section = program_files.crates('{"packages": [{"name": "a", "version": "1", "root": true}]}')
        found.setdefault("rust_program", []).append(
            ("bin/b", make({".dep-v0": section, "rust-deps-v0": section}))
        )
    store = bolt_files.bolt({"ctr": {"a": b"{}", "b": {"c": b"d"}}})
    found["podman_containers"] = [("var/lib/containers/storage/libpod/bolt_state.db", store)]
    found["containerd_containers"] = [("var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db", store)]
    return found


@pytest.mark.parametrize("reader", sorted(load_inventory_readers()))
def test_a_disturbed_file_is_read_or_refused(reader: str, few_or_many: int) -> None:
    files = seeds().get(reader) or [("a", b"")]
    others = [content for contents in seeds().values() for _, content in contents]
    source = random.Random(f"{reader} files")
    for _ in range(few_or_many):
        path, content = source.choice(files)
        file = InventoryFile(path, disturbed(content, source, others), dict(files).get)
        try:
            reading = run_reader(load_inventory_readers()[reader], file)
        except UnreadableInventoryError:
            continue
        assert all(package.name and package.type for package in reading.packages)


@pytest.fixture(params=[FEW, pytest.param(MANY, marks=pytest.mark.full)])
def few_or_many(request: pytest.FixtureRequest) -> int:
    """How many disturbed files there are for a reader."""
    return int(request.param)
