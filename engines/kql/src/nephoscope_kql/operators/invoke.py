"""invoke."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import Env, binds_operator
from nephoscope_kql.binder.scope import enter_function, function_named, known_names, lambda_body
from nephoscope_kql.errors import UnknownSourceError, invalid, suggest_word
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import Invoke


@binds_operator(Invoke)
def bind_invoke(relation: Relation, operator: Invoke, env: Env) -> Relation:
    """`invoke f(arguments)`: the rows so far are the function's first argument."""
    call = operator.call
    if not isinstance(call, tree.Call):
        raise invalid("invoke takes a call of a function", operator.span)
    found = function_named(call.name, env, call.span)
    if found is None:
        hint = suggest_word(call.name, known_names(env))
        raise UnknownSourceError(
            f"no function that takes rows is named '{call.name}'", call.span, "invalid", hint
        )
    return enter_function(found, call, env, first=relation).bind_tabular(lambda_body(found, call.span))
