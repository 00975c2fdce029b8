"""The import contract has no exceptions, and git's hooks look at folders that are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_no_import_is_left_out_of_the_contract() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = tools["importlinter"]["contracts"]
    kinds = {one["type"] for one in contracts}
    assert {"layers", "acyclic_siblings", "protected"} <= kinds
    assert [one["name"] for one in contracts if one.get("ignore_imports")] == []
    assert all(one["depth"] > 10 for one in contracts if one["type"] == "acyclic_siblings")


def test_the_hooks_of_git_name_folders_that_are_there() -> None:
    found = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    patterns = [hook["files"] for repo in found["repos"] for hook in repo["hooks"] if "files" in hook]
    folders = [name for one in patterns for name in re.findall(r"\w+", one)]
    assert folders
    assert [name for name in folders if not (ROOT / name).is_dir()] == []
