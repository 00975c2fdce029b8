"""fork, facet, and the plugins preview and funnel_sequence: several results of one pipe."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder.column_naming import get_implied_name
from nephoscope_kql.binder.environment import Env, register_operator_binder
from nephoscope_kql.errors import KqlError, make_invalid_error
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import As, Count, Evaluate, Facet, Fork, Render, Summarize


def list_branches(expression: tree.Expression) -> list[tuple[str, tree.Expression]]:
    """The results of a statement: (name, expression); several where its pipe ends in fork, facet or a plugin that has several."""
    if not isinstance(expression, tree.Pipe) or not expression.operators:
        return [("", expression)]
    last = expression.operators[-1]
    if isinstance(last, Fork):
        return [_bind_branch(expression, branch) for branch in last.branches]
    if isinstance(last, Facet):
        found = [("", _continue_pipe(expression, (_count_facet(column),))) for column in last.columns]
        rest = [] if last.body is None else [("", _continue_pipe(expression, last.body.operators))]
        return [*rest, *found]
    if isinstance(last, Evaluate):
        return [
            ("", expression),
            *(("", _continue_pipe(expression, (one,))) for one in _list_further_result_operators(last)),
        ]
    return [(_find_as_name(expression.operators), expression)]


def _list_further_result_operators(last: Evaluate) -> list[tree.Operator]:
    """The operators that give the other results of a plugin that has several."""
    if last.call.name == "preview":
        return [Count(span=last.span)]
    if last.call.name != "funnel_sequence":
        return []
    names = ("_funnel_sequence_from", "_funnel_sequence_to")
    return [replace(last, call=replace(last.call, name=name)) for name in names]


def _find_as_name(operators: tuple[tree.Operator, ...]) -> str:
    """Return what `as` calls the rows, where it is the last operator but for render."""
    kept = [operator for operator in operators if not isinstance(operator, Render)]
    return kept[-1].name if kept and isinstance(kept[-1], As) else ""


def _bind_branch(pipe: tree.Pipe, branch: tree.Expression) -> tuple[str, tree.Expression]:
    body = branch.value if isinstance(branch, tree.Named) else branch
    if not isinstance(body, tree.Pipe):
        raise make_invalid_error("a branch of fork is operators in parentheses", branch.span)
    name = branch.names[0].name if isinstance(branch, tree.Named) else _find_as_name(body.operators)
    return name, _continue_pipe(pipe, body.operators)


def _continue_pipe(pipe: tree.Pipe, operators: tuple[tree.Operator, ...]) -> tree.Pipe:
    """The pipe up to its last operator, and then others."""
    return tree.Pipe(source=pipe.source, operators=(*pipe.operators[:-1], *operators), span=pipe.span)


def _count_facet(column: tree.Expression) -> Summarize:
    """One facet: the column's values and how often each occurs."""
    counted = tree.Named(
        names=(tree.Name(name=f"count_{get_implied_name(column)}", span=column.span),),
        value=tree.Call(name="count", span=column.span),
        span=column.span,
    )
    return Summarize(aggregates=(counted,), groups=(column,), span=column.span)


def _build_several_results_error(operator: Fork | Facet) -> KqlError:
    name = type(operator).__name__.lower()
    return make_invalid_error(
        f"{name} gives several results: it is the last operator of a statement", operator.span
    )


@register_operator_binder(Fork)
def bind_fork(_relation: Relation | None, operator: Fork, _env: Env) -> Relation:
    """`fork` where one result is wanted."""
    raise _build_several_results_error(operator)


@register_operator_binder(Facet)
def bind_facet(_relation: Relation | None, operator: Facet, _env: Env) -> Relation:
    """`facet` where one result is wanted."""
    raise _build_several_results_error(operator)
