"""Images of containers by the stores of podman and containerd."""

from __future__ import annotations

import json

import pytest
from tests.collect.inventory import bolt_files

from nephoscope.collect.inventory.discovery import InventoryReading, load_inventory_readers, run_reader
from nephoscope.collect.inventory.formats.bbolt import parse_bolt
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError


def container(image: str, digest: str, state: int) -> dict[str, str]:
    config = {"rootfsImageName": image, "rootfsImageID": digest}
    return {"config": json.dumps(config), "state": json.dumps({"state": state})}


PODMAN = bolt_files.bolt(
    {
        "ctr": {
            "1": container("docker.io/library/redis:7", "ab12", 3),
            "2": container("docker.io/library/nginx", "cd34", 6),
            "3": {"config": "{}"},
        }
    }
)
IMAGE = "ghcr.io/o/r:1.0"
CONTAINERD = bolt_files.bolt(
    {
        "v1": {
            "k8s.io": {
                "containers": {"1": {"image": IMAGE}, "2": {"image": "gone"}},
                "images": {IMAGE: {"target": {"digest": "sha256:ef"}}},
            }
        }
    }
)


def read(reader: str, content: bytes) -> InventoryReading:
    return run_reader(load_inventory_readers()[reader], InventoryFile("x.db", content))


def test_containers_of_podman() -> None:
    reading = read("podman_containers", PODMAN)
    assert [(one.name, one.version, one.groups) for one in reading.packages] == [
        ("docker.io/library/redis", "ab12", ()),
        ("docker.io/library/nginx", "cd34", ("stopped",)),
    ]
    assert len(reading.set_aside) == 1


def test_containers_of_containerd() -> None:
    reading = read("containerd_containers", CONTAINERD)
    assert [(one.name, one.version, one.groups) for one in reading.packages] == [
        ("ghcr.io/o/r", "sha256:ef", ("k8s.io",))
    ]
    assert len(reading.set_aside) == 1


def test_values_on_several_pages() -> None:
    content = bolt_files.bolt({"big": "x" * 9_000, "small": "y"})
    root = parse_bolt(content)
    assert (len(root.get_text("big")), root.get_text("small"), root.get_text("none")) == (9_000, "y", "")
    assert root.find_bucket("nowhere").values == {}


@pytest.mark.parametrize(
    ("reader", "content"), [("podman_containers", PODMAN), ("containerd_containers", CONTAINERD)]
)
def test_a_damaged_store_is_refused_or_read(reader: str, content: bytes) -> None:
    used = [at for at in range(len(content)) if content[at]]
    for at in used[:: max(1, len(used) // 400)]:
        changed = bytearray(content)
        changed[at] ^= 0x5F
        for other in (bytes(changed), content[:at]):
            try:
                read(reader, other)
            except UnreadableInventoryError:
                continue
    with pytest.raises(UnreadableInventoryError):
        read(reader, b"no store")


def test_a_branch_that_leads_to_itself_ends() -> None:
    content = bytearray(bolt_files.bolt({"a": "b"}))
    at = content.index(b"\x03\0\0\0\0\0\0\0", 4 * bolt_files.PAGE + 16)
    content[at] = 4
    with pytest.raises(ValueError, match="overlap"):
        parse_bolt(bytes(content))
