"""Each staged attack is one incident: with its entities and stages, also when a log comes late or nothing runs for two hours.

In full all six over thirty days of five hundred accounts, by all rules; else one over a few days of its log in a small company, by the
rules that read it.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.tactics import KILL_CHAIN
from nephoscope.sample.generator import Generator
from nephoscope.sample.staged_attacks import find_attack, load_attacks

_SPEC = importlib.util.spec_from_file_location("company_replay", Path(__file__).parents[1] / "replay.py")
assert _SPEC is not None
assert _SPEC.loader is not None
replay = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = replay
_SPEC.loader.exec_module(replay)

END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
pytestmark = pytest.mark.full

VARIANTS = ("on time", "late", "stopped")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generator]:
    generator = Generator((END - timedelta(days=5)).date(), 5, users=60)
    return replay.filled(tmp_path_factory.mktemp("small") / "data", generator, {"kubernetes"}), generator


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generator]:
    generator = Generator((END - timedelta(days=30)).date(), 30)
    return replay.filled(tmp_path_factory.mktemp("month") / "data", generator), generator


def check(
    base: tuple[Path, Generator], folder: Path, name: str, variant: str, rules: Sequence[AnalyticRule] = ()
) -> None:
    data, generator = base
    shutil.copytree(data, folder / "data")
    run = replay.Replay(folder / "data", generator, rules or load_shipped_rules().rules)
    attack = find_attack(name)
    run.attack(attack, late=replay.LATE[name] if variant == "late" else "", stop=variant == "stopped")
    assert run.errors == []
    (incident,) = replay.incidents(folder / "data")
    tactics, entities = replay.wanted(attack, generator)
    assert tactics <= set(incident.tactics)
    assert entities <= incident.entities
    assert list(incident.tactics) == sorted(incident.tactics, key=KILL_CHAIN.index)
    assert incident.severity == "High"
    assert len(incident.alerts) >= 3


@pytest.mark.parametrize("variant", VARIANTS[-1:])
def test_an_attack_is_one_incident(small: tuple[Path, Generator], tmp_path: Path, variant: str) -> None:
    rules = [one for one in load_shipped_rules().rules if "AKSAudit" in one.tables]
    check(small, tmp_path, "container-escape", variant, rules)


@pytest.mark.full
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", sorted(load_attacks()))
def test_every_attack_is_one_incident(
    month: tuple[Path, Generator], tmp_path: Path, name: str, variant: str
) -> None:
    check(month, tmp_path, name, variant)


@pytest.mark.full
def test_the_same_day_without_an_attack_gives_none(month: tuple[Path, Generator], tmp_path: Path) -> None:
    data, generator = month
    shutil.copytree(data, tmp_path / "data")
    run = replay.Replay(tmp_path / "data", generator)
    run.hours(END - 24 * replay.HOUR, 24)
    assert run.errors == []
    assert replay.incidents(tmp_path / "data") == []
