"""Advisors that examine the alerts of one rule and propose changes; each module exports `advise(case)`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from nephoscope.alerts.tuning.rule_case import Proposal, TuningCase

Advisor = Callable[[TuningCase], Iterable[Proposal]]


@cache
def load_advisors() -> dict[str, Advisor]:
    """Each by its name, found by scanning this folder."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    return {name: importlib.import_module(f"{__name__}.{name}").advise for name in names}
