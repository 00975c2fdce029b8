"""KQL rewrites: plugins that expand into a KQL query over their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import Env, Meaning, ScalarMeaning, SharedTableMeaning
from nephoscope_kql.binder.plugin_interface import PluginCall
from nephoscope_kql.binder.scope import declare_names, share_bound_rows
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import parse
from nephoscope_kql.plan.values import Bound, Relation


def compose_query(
    text: str, call: PluginCall, rows: Mapping[str, Relation], values: Mapping[str, Bound] | None = None
) -> Relation:
    """The rows of a query in which names stand for rows and values that are bound already; the user's names are not seen.

    Its columns must have names that the text knows, never ones that a user chose. Rows that the text names twice are computed once.
    What is wrong is reported at the plugin's call.
    """
    env = call.env
    names: dict[str, Meaning] = {name: ScalarMeaning(value) for name, value in (values or {}).items()}
    for name, relation in rows.items():
        names[name] = (
            _bind_shared_relation(relation) if text.count(name) == 1 else share_bound_rows(relation, env)
        )
    inner = Env(env.binder, names, composed=True)
    first_only = nullcontext() if env.binder.mistakes is None else env.binder.mistakes.suspend_collection()
    query = _parse_text(text)
    *before, last = query.statements
    if not isinstance(last, tree.Evaluation):
        raise AssertionError(text)
    try:
        with first_only:
            return declare_names(before, inner).bind_tabular(last.value)
    except KqlError as error:
        raise KqlError(error.message, call.span, error.kind, call.plugin.signature) from error


def _bind_shared_relation(relation: Relation) -> SharedTableMeaning:
    return SharedTableMeaning(lambda: relation)


@lru_cache(maxsize=512)
def _parse_text(text: str) -> tree.Query:
    try:
        return parse(text)
    except KqlError as error:
        raise AssertionError(f"{error}\n{text}") from error
