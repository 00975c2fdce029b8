"""The names that mean something of the language's own, wherever they are called: no stored function takes their place."""

from __future__ import annotations

from functools import cache

from nephoscope_kql.errors import KqlError
from nephoscope_kql.registry import aggregates, callable_functions

#: Calls that only an operator knows.
_BY_OPERATORS = ("percentiles", "percentilesw")
#: Words that begin a statement.
_STATEMENTS = frozenset({"alias", "declare", "let", "pattern", "restrict", "set"})


@cache
def built_in() -> frozenset[str]:
    """The names of all functions, aggregates, and calls that the binder knows by itself, as they are written."""
    # these modules ask here when they bind
    from nephoscope_kql.bind_calls import SPECIAL, WINDOWS
    from nephoscope_kql.parser.pipes import SOURCES
    from nephoscope_kql.scope import TABULAR_CALLS

    return frozenset(
        {*callable_functions(), *aggregates(), *SPECIAL, *WINDOWS, *TABULAR_CALLS, *SOURCES, *_BY_OPERATORS}
    )


def may_call(name: str) -> bool:
    """Whether a call of a name can be read as one: a word such as `let` or `union` cannot."""
    from nephoscope_kql import tree
    from nephoscope_kql.parser import parse_function
    from nephoscope_kql.parser.keywords import may_name

    if name.lower() in _STATEMENTS or not may_name(name):
        return False

    try:
        body = parse_function("", f"{name}()").body
        parse_function("", f"print {name}()")
    except KqlError:
        return False
    return isinstance(body, tree.Call) and body.name == name
