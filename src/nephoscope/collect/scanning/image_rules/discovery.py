"""Rules are found by scanning `rules`: a module with RULE and `check(subject)`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

import nephoscope.collect.scanning.image_rules.rules as package
from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule


class ImageRuleFileError(Exception):
    """A module in the folder of rules that is half a rule, or two of one id."""


class ImageCheck(msgspec.Struct, frozen=True):
    """A rule with its function, which takes an ExaminedImage or, where it judges roots, an ExaminedRoot."""

    rule: ImageRule
    run: Callable[[object], Iterable[ImageMatch]]


@cache
def load_image_checks() -> dict[str, ImageCheck]:
    """Return every rule by id, in the order of ids; raises ImageRuleFileError."""
    found: dict[str, ImageCheck] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        rule, check = getattr(module, "RULE", None), getattr(module, "check", None)
        if not isinstance(rule, ImageRule) or check is None:
            raise ImageRuleFileError(
                f"{module.__name__} has no RULE, or no check: give it both, or move it elsewhere"
            )
        if rule.id in found:
            raise ImageRuleFileError(f"{module.__name__}: another rule has the id {rule.id}")
        found[rule.id] = ImageCheck(rule, check)
    return dict(sorted(found.items()))
