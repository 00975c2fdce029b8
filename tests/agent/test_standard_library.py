"""The agent stands alone: the standard library, the grammar of Python 3.9, the same bytes at every build."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from nephoscope.protect.hosts.agent_package import build_package, find_source, read_version

SOURCES = sorted(find_source().rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda one: one.relative_to(find_source()).as_posix())
def test_a_module_is_of_the_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            top = name.partition(".")[0]
            assert top == "nephoscope_agent" or top in sys.stdlib_module_names, (path, name)


def test_nothing_of_the_product_imports_the_agent() -> None:
    for path in (Path(find_source()).parents[1] / "src").rglob("*.py"):
        assert "import nephoscope_agent" not in path.read_text(encoding="utf-8"), path


def test_a_build_is_the_same_each_time() -> None:
    assert build_package(find_source()) == build_package(find_source())
    assert read_version(find_source()) == "0.1.0"
