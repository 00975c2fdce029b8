"""How many examples a property is tried with: as many as it says in the full counts, else an eighth of them.

Hypothesis draws one in twenty values from the constants that stand in the sources of a project. It parses all that is imported to
know them, six seconds in each worker of a run: in the full counts alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import pytest
from hypothesis import is_hypothesis_test, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

#: What a property is always tried with, where it says no less.
LEAST = 12
_SETTINGS = "_hypothesis_internal_use_settings"


def lower_examples(items: Iterable[pytest.Item]) -> None:
    """Let each property of these tests be tried with an eighth of its examples, and no fewer than 12 of them."""
    functions = {
        inspect.unwrap(item.obj, stop=is_hypothesis_test)
        for item in items
        if isinstance(item, pytest.Function)
    }
    for function in functions:
        if is_hypothesis_test(function):
            lower(getattr(function, "__func__", function))


def leave_out_constants() -> None:
    """Let properties be tried with values that stand in no source of ours, whose sources are not parsed then."""
    none = Constants()
    providers._get_local_constants = lambda: none


def lower(function: object) -> None:
    """Change what a property says of its examples."""
    said: settings = getattr(function, _SETTINGS)
    few = max(min(said.max_examples, LEAST), said.max_examples // 8)
    setattr(function, _SETTINGS, settings(parent=said, max_examples=few))
