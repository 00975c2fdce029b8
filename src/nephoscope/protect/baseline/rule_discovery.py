"""Rules are found by scanning `rules`: a module with RULES."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import nephoscope.protect.baseline.rules as package
from nephoscope.protect.baseline.baseline_rule import BaselineRule


class BaselineRuleError(Exception):
    """A module of the folder without RULES, or two rules of one id or name."""


@cache
def load_baseline_rules() -> dict[str, BaselineRule]:
    """Return every rule by its id, in the order of names; raises BaselineRuleError."""
    found: dict[str, BaselineRule] = {}
    names: set[str] = set()
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for rule in getattr(module, "RULES", ()):
            if rule.id in found or rule.name in names:
                raise BaselineRuleError(f"{module.__name__}: another rule is {rule.id} or {rule.name}")
            found[rule.id] = rule
            names.add(rule.name)
        if not hasattr(module, "RULES"):
            raise BaselineRuleError(f"{module.__name__} has no RULES: give it some, or move it elsewhere")
    return dict(sorted(found.items(), key=lambda item: item[1].name))
