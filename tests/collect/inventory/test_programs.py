"""Go and Rust programs and kernel modules: what they say of themselves, in each form of executable."""

from __future__ import annotations

import struct

import pytest
from tests.collect.inventory import program_files

from nephoscope.collect.inventory.discovery import (
    InventoryReading,
    find_readers,
    load_inventory_readers,
    run_reader,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError

MODULES = (
    "path\texample.com/m/cmd\nmod\texample.com/m\t(devel)\t\ndep\ta.test/b\tv1.0.0\th1:x=\n"
    "dep\tc.test/d\tv0.1.0\th1:x=\n=>\te.test/f\tv2.0.0\th1:x=\nbuild\t-compiler=gc\n"
)
GO = program_files.build_information("go1.22.5", MODULES)
CRATES = program_files.crates(
    '{"packages": [{"name": "me", "version": "0.1.0", "root": true, "dependencies": [1]},'
    ' {"name": "a", "version": "1.0.0"}, {"name": "cc", "version": "1.1.0", "kind": "build"}]}'
)


def read(reader: str, content: bytes, path: str = "usr/bin/tool") -> InventoryReading:
    return run_reader(load_inventory_readers()[reader], InventoryFile(path, content))


@pytest.mark.parametrize(
    "content",
    [
        program_files.elf({".text": b"x", ".go.buildinfo": GO}),
        program_files.elf({".go.buildinfo": GO}, ">"),
        program_files.elf({".go.buildinfo": GO}, "<", is_long=False),
        program_files.pe({".text": b"x", ".data": b"pad" + GO}),
        program_files.mach_o({"__text": b"x", "__go_buildinfo": GO}),
    ],
    ids=["elf", "elf, big end first", "elf of 32 bits", "pe", "mach-o"],
)
def test_modules_of_a_go_program(content: bytes) -> None:
    found = [(one.name, one.version, one.relationship) for one in read("go_binary", content).packages]
    assert found == [
        ("stdlib", "1.22.5", "transitive"),
        ("example.com/m", "", "root"),
        ("a.test/b", "v1.0.0", ""),
        ("e.test/f", "v2.0.0", ""),
    ]
    assert "go_binary" in {reader.name for reader in find_readers("any/where", content[:16])}


@pytest.mark.parametrize(
    ("flags", "version"),
    [
        ('"-w -s -X main.version=1.18.1 -X main.gitDescription=v1.18.1-2 "', "v1.18.1"),
        ("-X=example.com/m/internal/version.Version=v2.0.0-rc.1", "v2.0.0-rc.1"),
        ("\"-X 'example.com/m/app.ver=0.76.0'\"", "v0.76.0"),
        ('"-X \\"main.Version=v1.2\\" -s"', "v1.2"),
        ("-X main.version=1.0.0 -X main.Version=v1.0.0", "v1.0.0"),
        ("-X main.version=1.0.0 -X example.com/m/cmd.version=2.0.0", ""),
        ("-X a.test/b.version=1.0.0 -X example.com/more.version=1.0.0", ""),
        ("-X main.goVersion=1.22.5 -X main.version=unknown -X main.version=1.0$(date)", ""),
    ],
)
def test_the_version_of_a_go_program_is_what_its_linker_was_told(flags: str, version: str) -> None:
    block = program_files.build_information("go1.22.5", f"{MODULES}build\t-ldflags={flags}\nbuild\tvcs=git\n")
    found = read("go_binary", program_files.elf({".go.buildinfo": block})).packages
    assert {one.name: one.version for one in found}["example.com/m"] == version


def test_modules_of_an_older_go_program() -> None:
    block = program_files.pointed_information("go1.16", MODULES, program_files.BASE + 64)
    found = read("go_binary", program_files.elf({".go.buildinfo": block})).packages
    assert [one.name for one in found] == ["stdlib", "example.com/m", "a.test/b", "e.test/f"]


def test_a_program_of_another_language_has_no_packages() -> None:
    content = program_files.elf({".text": b"x" * 100})
    assert read("go_binary", content).packages == read("rust_program", content).packages == ()


@pytest.mark.parametrize("form", [program_files.elf, program_files.pe, program_files.mach_o])
def test_crates_of_a_rust_program(form) -> None:
    found = read("rust_program", form({".dep-v0": CRATES})).packages
    assert [(one.name, one.version, one.relationship, one.is_development) for one in found] == [
        ("me", "0.1.0", "root", False),
        ("a", "1.0.0", "", False),
        ("cc", "1.1.0", "", True),
    ]
    assert found[0].dependencies == ("a@1.0.0",)


def test_crates_that_unpack_without_end_are_refused() -> None:
    bomb = program_files.crates("[" + " " * 9_000_000 + "]")
    with pytest.raises(UnreadableInventoryError, match="unpacks"):
        read("rust_program", program_files.elf({".dep-v0": bomb}))


def test_a_kernel_module_and_its_image() -> None:
    block = b"version=1.2\0license=GPL\0depends=a,b\0name=thing\0vermagic=6.1.0-13 SMP\0"
    (found,) = read("kernel_module", program_files.elf({".modinfo": block}), "lib/modules/thing.ko").packages
    assert (found.name, found.version, found.licenses, found.dependencies) == (
        "thing",
        "1.2",
        ("GPL",),
        ("a", "b"),
    )
    image = bytearray(0x400)
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x20E, 0x100)
    image[0x300:0x310] = b"6.1.0-13 (build)"
    (kernel,) = read("kernel_image", bytes(image), "boot/vmlinuz-6").packages
    assert (kernel.name, kernel.version) == ("Linux Kernel", "6.1.0-13")


@pytest.mark.parametrize("reader", ["go_binary", "rust_program", "kernel_module"])
def test_a_damaged_program_is_refused_or_read(reader: str) -> None:
    for form in (program_files.elf, program_files.pe, program_files.mach_o):
        content = form({".go.buildinfo": GO, ".dep-v0": CRATES, ".modinfo": b"a=b\0"})
        spoilt = [content[:at] for at in range(0, len(content), 37)]
        for at in range(0, len(content), 13):
            changed = bytearray(content)
            changed[at] ^= 0xFF
            spoilt.append(bytes(changed))
        for other in spoilt:
            try:
                read(reader, other)
            except UnreadableInventoryError:
                continue
    with pytest.raises(UnreadableInventoryError):
        read(reader, b"no program")
