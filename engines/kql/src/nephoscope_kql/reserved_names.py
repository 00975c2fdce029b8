"""Reserved names of built-in functions and operators, for validating names that users define."""

from __future__ import annotations

import nephoscope_kql.bind  # noqa: F401 - the binder knows all of its calls when it is whole
from nephoscope_kql import tree
from nephoscope_kql.binder.built_in_calls import list_built_in_names
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import parse_function
from nephoscope_kql.parser.keywords import may_name

__all__ = ["list_built_in_names", "may_call"]
_STATEMENTS = frozenset({"alias", "declare", "let", "pattern", "restrict", "set"})
"""Words that begin a statement."""


def may_call(name: str) -> bool:
    """Return whether a call of a name can be read as one: a word such as `let` or `union` cannot."""
    if name.lower() in _STATEMENTS or not may_name(name):
        return False

    try:
        body = parse_function("", f"{name}()").body
        parse_function("", f"print {name}()")
    except KqlError:
        return False
    return isinstance(body, tree.Call) and body.name == name
