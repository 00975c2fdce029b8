"""invoke."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import Env, register_operator_binder
from nephoscope_kql.binder.scope import enter_function, find_function, get_lambda_body, list_known_names
from nephoscope_kql.errors import UnknownSourceError, make_invalid_error, suggest_word
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import Invoke


@register_operator_binder(Invoke)
def bind_invoke(relation: Relation, operator: Invoke, env: Env) -> Relation:
    """`invoke f(arguments)`: the rows so far are the function's first argument."""
    call = operator.call
    if not isinstance(call, tree.Call):
        raise make_invalid_error("invoke takes a call of a function", operator.span)
    found = find_function(call.name, env, call.span)
    if found is None:
        hint = suggest_word(call.name, list_known_names(env))
        raise UnknownSourceError(
            f"no function that takes rows is named '{call.name}'", call.span, "invalid", hint
        )
    return enter_function(found, call, env, first=relation).bind_tabular(get_lambda_body(found, call.span))
