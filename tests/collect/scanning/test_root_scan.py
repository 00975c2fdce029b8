"""Roots on a disk: no link leads out of them, and what is no file is not waited for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nephoscope.collect.scanning.root_scan import RootError, RootScan, scan_root

GEM = b'require "lib/version"\nGem::Specification.new do |s|\n  s.name = "shop"\n  s.version = Shop::VERSION\nend\n'


def test_a_link_does_not_lead_out_of_the_root(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    for folder in (outside, root / "app", root / "etc"):
        folder.mkdir(parents=True)
    (outside / "version.rb").write_text('VERSION = "6.6.6"\n')
    (outside / "requirements.txt").write_text("secret==1.0\n")
    (root / "app/shop.gemspec").write_bytes(GEM)
    (root / "app/lib").symlink_to(outside)
    (root / "requirements.txt").symlink_to(outside / "requirements.txt")
    (root / "etc/os-release").symlink_to("/etc/os-release")
    contents = scan_root(RootScan(root))
    assert (contents.packages, contents.family) == ((), "")
    (root / "app/lib").unlink()
    (root / "app/lib").symlink_to(root / "inside")
    (root / "inside").mkdir()
    (root / "inside/version.rb").write_text('VERSION = "1.2.3"\n')
    assert [(one.name, one.version) for one in scan_root(RootScan(root)).packages] == [("shop", "1.2.3")]


def test_pipes_and_circles_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "requirements.txt")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "poetry.lock").mkdir()
    contents = scan_root(RootScan(tmp_path))
    assert (contents.packages, contents.unread) == ((), ())


def test_a_root_may_be_one_list_of_packages(tmp_path: Path) -> None:
    component = {"type": "library", "name": "lamp", "version": "1.0", "purl": "pkg:pypi/lamp@1.0"}
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [component]}
    (tmp_path / "of-our-shop").write_text(json.dumps(bill))
    (tmp_path / "link.json").symlink_to("of-our-shop")
    (tmp_path / "requirements.txt").write_text("lamp==2.0\n-r more.txt\n")
    (tmp_path / "more.txt").write_text("shade==3.0\n")
    found = {
        name: [(one.name, one.version, one.path) for one in scan_root(RootScan(tmp_path / name)).packages]
        for name in ("of-our-shop", "link.json", "requirements.txt")
    }
    assert found == {
        "of-our-shop": [("lamp", "1.0", "of-our-shop")],
        "link.json": [("lamp", "1.0", "link.json")],
        "requirements.txt": [("lamp", "2.0", "requirements.txt"), ("shade", "3.0", "requirements.txt")],
    }


@pytest.mark.parametrize("content", [b"", b"{}", b"hello", b"\xff\x00", b'{"bomFormat": "CycloneDX", "comp'])
def test_a_file_that_lists_no_packages_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bill.json").write_bytes(content)
    with pytest.raises(RootError, match="cannot be read: bill of materials"):
        scan_root(RootScan(tmp_path / "bill.json"))
