"""A file that is replaced: whole or not at all, and nothing is left beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nephoscope.model.atomic_file import replace_content


def test_the_new_content_stands_alone_and_belongs_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    for content in (b"first", b"second"):
        replace_content(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_the_disk_fails_the_former_content_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.yaml"
    replace_content(path, b"first")

    def fail(_: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        replace_content(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
