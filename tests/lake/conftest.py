"""A lake in a folder of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from nephoscope.lake.lake import Lake

_spec = importlib.util.spec_from_file_location("lake_ledger", Path(__file__).with_name("ledger.py"))
ledger_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(ledger_module)


@pytest.fixture
def ledger(tmp_path: Path):
    return ledger_module.SmallLedger(tmp_path / "ledger.db")


@pytest.fixture
def lake(tmp_path: Path, ledger):
    with Lake(tmp_path / "data", ledger) as opened:
        yield opened
