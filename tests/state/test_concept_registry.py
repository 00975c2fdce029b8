"""Concepts of the state are loaded when they are asked for, whichever comes first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nephoscope.state.database.concept_registry import CONCEPTS

pytestmark = pytest.mark.system

FIRST = """
import sys
from importlib import import_module
for name in sys.argv[1:]:
    for one in [one for one in sys.modules if one.startswith("nephoscope.state")]:
        del sys.modules[one]
    import_module(f"nephoscope.state.{name}")
    from sqlalchemy.orm import configure_mappers
    from nephoscope.state.tables.columns import Base
    configure_mappers()
    Base.metadata.sorted_tables
"""


def test_each_module_can_be_the_first() -> None:
    modules = sorted({module for module, _ in CONCEPTS.values()})
    ran = subprocess.run([sys.executable, "-c", FIRST, *modules], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize("name", sorted(CONCEPTS))
def test_each_concept_is_there(name: str, state) -> None:
    assert type(getattr(state, name)).__name__ == CONCEPTS[name][1]
    assert getattr(state, name) is getattr(state, name)
