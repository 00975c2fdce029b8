"""What a change of an image changes in its scan: exactly that."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.collect.images.image_builder import Files, make_layer, make_layout
from tests.collect.images.test_images import zstd
from tests.disturbed import disturbed

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.layer_stream import open_tar
from nephoscope.collect.images.layers import LayerReader, merge_layers, read_layer
from nephoscope.collect.images.layout import open_layout
from nephoscope.collect.images.tar_entries import TarStream
from nephoscope.collect.scanning.content_builder import build_contents
from nephoscope.collect.scanning.file_readers import (
    MAX_SIZE,
    is_lone_program,
    read_contents,
    recognizes,
    recognizes_head,
)
from nephoscope.collect.scanning.image_scan import scan_image
from nephoscope.collect.scanning.layer_cache import LayerFolder
from nephoscope.collect.scanning.scan_contents import InventoryContents

READER = LayerReader(recognizes, recognizes_head, MAX_SIZE, read_contents, is_lone_program)
STATUS = "var/lib/dpkg/status"


def status(*names: str) -> bytes:
    """Return a list of packages of dpkg."""
    return "\n".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: 1.{len(name)}\n" for name in names
    ).encode()


def module(name: str) -> Files:
    """Return a package of npm that is installed."""
    return {f"app/node_modules/{name}/package.json": f'{{"name": "{name}", "version": "2.0.0"}}'.encode()}


def distribution(name: str) -> Files:
    """Return a distribution of Python that is installed."""
    return {
        f"opt/lib/{name}-3.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 3.0\n".encode()
    }


BASE: Files = {
    "etc/os-release": b"ID=debian\nVERSION_ID=13\n",
    STATUS: status("bash", "coreutils", "zlib1g"),
}
APP: Files = {**module("left"), **module("right"), **distribution("one"), **distribution("two")}
ALL = {"bash 1.4", "coreutils 1.9", "zlib1g 1.6", "left 2.0.0", "right 2.0.0", "one 3.0", "two 3.0"}


def scan(folder: Path, layers: list[Files], cache: LayerFolder | None = None) -> InventoryContents:
    """Return the contents of an image of layers."""
    make_layout(folder, layers)
    return scan_image(open_layout(folder), cache)


def listed(contents: InventoryContents) -> set[str]:
    """Return the packages, as name and version."""
    assert (contents.family, contents.release, contents.unread) == ("debian", "13", ())
    return {f"{package.name} {package.version}" for package in contents.packages}


@pytest.mark.parametrize(
    ("more", "gone", "new"),
    [
        ({}, set(), set()),
        ({STATUS: status("bash", "zlib1g")}, {"coreutils 1.9"}, set()),
        ({STATUS: status("bash", "coreutils", "zlib1g", "tar")}, set(), {"tar 1.3"}),
        ({"app/node_modules/left/.wh.package.json": b""}, {"left 2.0.0"}, set()),
        ({"app/node_modules/.wh.left": b""}, {"left 2.0.0"}, set()),
        ({"app/node_modules/.wh..wh..opq": b""}, {"left 2.0.0", "right 2.0.0"}, set()),
        ({"app/node_modules/.wh..wh..opq": b"", **module("left")}, {"right 2.0.0"}, set()),
        ({".wh.app": b"", "opt/.wh.lib": b""}, {"left 2.0.0", "right 2.0.0", "one 3.0", "two 3.0"}, set()),
        ({"opt/lib": "/elsewhere"}, {"one 3.0", "two 3.0"}, set()),
        ({"app/.wh.nothing": b"", "app/node_modules/lef/.wh.package.json": b""}, set(), set()),
        ({"opt/lib/one-3.0.dist-info/METADATA": b"Name: one\nVersion: 3.1\n"}, {"one 3.0"}, {"one 3.1"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),  # in every worker the same
)  # fmt: skip
def test_a_layer_changes_exactly_what_it_says(
    more: Files, gone: set[str], new: set[str], tmp_path: Path
) -> None:
    assert listed(scan(tmp_path / "layout", [BASE, APP, more])) == ALL - gone | new


def test_a_layer_of_another_name_changes_the_layer_alone(tmp_path: Path) -> None:
    first = scan(tmp_path / "first", [BASE, APP])
    make_layout(tmp_path / "second", [BASE, APP], compress=lambda content: gzip.compress(content, 1, mtime=1))
    second = scan_image(open_layout(tmp_path / "second"))
    layers = dict(
        zip((one.layer for one in first.packages), (one.layer for one in second.packages), strict=True)
    )
    assert len(layers) == 2
    assert not set(layers) & set(layers.values())
    renamed = [msgspec.structs.replace(one, layer=layers[one.layer]) for one in first.packages]
    assert msgspec.structs.replace(first, packages=tuple(renamed)) == second


ALPINE = b"P:musl\nV:1.2.4-r0\no:musl\n\n"


@pytest.mark.parametrize(
    ("files", "placed"),
    [
        ({"lib/apk/db/installed": ALPINE}, "debian 13"),
        ({"srv/box/lib/apk/db/installed": ALPINE}, " "),
        ({"srv/box/usr/lib/apk/db/installed": ALPINE, "srv/box/etc/alpine-release": b"3.18.2"}, "alpine 3.18.2"),
        ({"srv/box/lib/apk/db/installed": ALPINE, "srv/etc/os-release": b"ID=alpine\nVERSION_ID=3.1\n"}, " "),
        ({"srv/box/var/lib/dpkg/status": status("musl"),
          "srv/box/usr/lib/os-release": b"ID=ubuntu\nVERSION_ID=22.04\n"}, "ubuntu 22.04"),
        ({"srv/box/var/lib/dpkg/status.d/musl": b"Package: musl\nVersion: 1\n",
          "srv/box/etc/debian_version": b"11.2\n"}, "debian 11.2"),
        ({"srv/box/var/lib/pacman/local/musl-1-1/desc": b"%NAME%\nmusl\n\n%VERSION%\n1-1\n",
          "srv/box/etc/os-release": b"ID=arch\n"}, "arch "),
    ],
)  # fmt: skip
def test_packages_of_a_root_within_belong_to_its_distribution(
    files: Files, placed: str, tmp_path: Path
) -> None:
    found = scan(tmp_path / "whole", [BASE, files])
    assert (found.family, found.release, found.absence) == ("debian", "13", "")
    of_musl = [f"{one.namespace} {one.distribution_version}" for one in found.packages if one.name == "musl"]
    assert of_musl == [placed]
    assert {one.namespace for one in found.packages if one.name != "musl"} == {"debian"}
    without = scan(tmp_path / "without", [BASE, files, {"var/lib/dpkg/.wh.status": b""}])
    is_own = placed.startswith("debian")
    assert ("no package of the distribution" in without.absence) is not is_own
    assert [one.name for one in without.packages] == ["musl"]


def test_the_layers_that_are_kept_are_not_read_again(tmp_path: Path) -> None:
    cache = LayerFolder(tmp_path / "kept")
    first = scan(tmp_path / "first", [BASE, APP], cache)
    told: list[str] = []
    make_layout(tmp_path / "second", [BASE, APP, {"app/.wh.node_modules": b""}])
    second = scan_image(open_layout(tmp_path / "second"), cache, told.append)
    assert scan_image(open_layout(tmp_path / "first"), cache) == first
    assert len(told) == 1
    assert listed(second) == ALL - {"left 2.0.0", "right 2.0.0"}


@pytest.mark.parametrize("count", [150, pytest.param(20_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_a_disturbed_layer_is_read_or_refused(compress: Callable[[bytes], bytes], count: int) -> None:
    source = random.Random(compress.__name__)
    tars = [make_layer(files) for files in (BASE, APP)]
    for _ in range(count):
        tar = source.choice(tars)
        before = source.random() < 0.5
        blob = disturbed(compress(tar), source, tars) if before else compress(disturbed(tar, source, tars))
        try:
            layer = read_layer(TarStream(open_tar(io.BytesIO(blob), "it"), "it"), "", READER)
        except ImageError:
            continue
        build_contents(merge_layers([layer]), layer.unread)


def test_what_the_makers_of_a_package_worked_with_is_not_installed(tmp_path: Path) -> None:
    lock = b'lodash@^4.0.0:\n  version "4.17.4"\n'
    files: Files = {
        **BASE,
        **APP,
        "app/node_modules/left/yarn.lock": lock,
        "app/node_modules/left/.github/workflows/ci.yml": b"jobs: {a: {steps: [{uses: actions/checkout@v4}]}}\n",
        "opt/site-packages/one/requirements.txt": b"flask==1.0\n",
        "usr/share/nodejs/pad/package.json": b'{"name": "pad", "version": "5.0.0"}',
        "usr/share/nodejs/pad/yarn.lock": lock.replace(b"lodash", b"chokidar"),
        "usr/lib/ruby/vendor_ruby/rack/Gemfile.lock": b"GEM\n  specs:\n    rake (13.0.0)\n",
        "srv/yarn.lock": lock,
    }
    assert listed(scan(tmp_path / "layout", [files])) == ALL | {"pad 5.0.0", "lodash 4.17.4"}
