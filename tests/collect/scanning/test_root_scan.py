"""Roots on a disk: no link leads out of them, and what is no file is not waited for."""

from __future__ import annotations

import os
from pathlib import Path

from nephoscope.collect.scanning.root_scan import RootScan, scan_root

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
