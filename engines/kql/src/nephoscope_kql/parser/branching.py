"""Operators that hold pipes of their own or walk rows in order: partition, fork, facet, scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.constants import parse_type_name
from nephoscope_kql.parser.expressions import parse_expression
from nephoscope_kql.parser.filtering import parse_ordered_keys
from nephoscope_kql.parser.names import parse_name_list
from nephoscope_kql.parser.parameters import parse_parameters
from nephoscope_kql.parser.pipes import parse_body, register_reader
from nephoscope_kql.tree import Named, Pipe
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression


@register_reader("partition", "__partitionby")
def parse_partition(c: Cursor, start: int) -> tree.Partition:
    """`partition by column (operators)` or `{ query }`."""
    options = parse_parameters(c, "kind")
    c.accept("by")
    by = c.read_name("the name of a column")
    scoped = c.token.text == "{"
    if scoped:
        c.read_token()
        rows = c.parse_rows()
        inner = rows if isinstance(rows, Pipe) else Pipe(source=rows, span=rows.span)
        c.expect("}")
    else:
        c.expect("(")
        inner = parse_body(c)
        c.expect(")")
    return tree.Partition(by=by, body=inner, scoped=scoped, parameters=options, span=c.make_span(start))


@register_reader("fork")
def parse_fork(c: Cursor, start: int) -> tree.Fork:
    """`fork name = (operators) (operators) ...`."""
    branches = [_parse_branch(c)]
    while c.token.text == "(" or c.is_declaration():
        branches.append(_parse_branch(c))
    return tree.Fork(branches=tuple(branches), span=c.make_span(start))


def _parse_branch(c: Cursor) -> Expression:
    start = c.token.start
    name = c.read_declared_name() if c.is_declaration() else None
    if name is not None:
        c.expect("=")
    c.expect("(")
    inner = parse_body(c)
    c.expect(")")
    return inner if name is None else Named(names=(name,), value=inner, span=c.make_span(start))


@register_reader("facet")
def parse_facet(c: Cursor, start: int) -> tree.Facet:
    """`facet by columns with (operators)`."""
    c.expect("by")
    columns = parse_name_list(c)
    inner: Pipe | None = None
    if c.accept("with"):
        bracketed = c.accept("(")
        inner = parse_body(c)
        if bracketed:
            c.expect(")")
    return tree.Facet(columns=columns, body=inner, span=c.make_span(start))


@register_reader("scan")
def parse_scan(c: Cursor, start: int) -> tree.Scan:
    """`scan with_match_id=... order by ... partition by ... declare (...) with (steps)`."""
    options = parse_parameters(c, "kind with_match_id with_step_name")
    order = parse_ordered_keys(c) if _accept_by_word(c, "order") else ()
    by = _parse_values(c) if _accept_by_word(c, "partition") else ()
    declared = _parse_declarations(c) if c.accept("declare") else ()
    steps = _parse_steps(c)
    return tree.Scan(
        steps=steps,
        declarations=declared,
        order=order,
        partition=by,
        parameters=options,
        span=c.make_span(start),
    )


def _accept_by_word(c: Cursor, word: str) -> bool:
    if not c.accept(word):
        return False
    c.expect("by")
    return True


def _parse_steps(c: Cursor) -> tuple[tree.ScanStep, ...]:
    c.expect("with")
    c.expect("(")
    steps = [_parse_step(c)]
    while c.token.text == "step":
        steps.append(_parse_step(c))
    c.expect(")")
    return tuple(steps)


def _parse_values(c: Cursor) -> tuple[Expression, ...]:
    values = [parse_expression(c)]
    while c.accept(","):
        values.append(parse_expression(c))
    return tuple(values)


def _parse_declarations(c: Cursor) -> tuple[tree.ScanDeclaration, ...]:
    found: list[tree.ScanDeclaration] = []

    def read(c: Cursor) -> None:
        start = c.token.start
        name = c.read_declared_name("the name of a column").name
        c.expect(":")
        kind = parse_type_name(c)
        default = parse_expression(c) if c.accept("=") else None
        found.append(tree.ScanDeclaration(name=name, type=kind, default=default, span=c.make_span(start)))

    c.expect("(")
    c.read_separated_items(read, ")")
    return tuple(found)


def _parse_step(c: Cursor) -> tree.ScanStep:
    start = c.expect("step").start
    name = c.read_declared_name("the name of a step").name
    optional = c.accept("optional")
    output = ""
    if c.accept("output"):
        c.expect("=")
        if c.token.text not in ("all", "last", "none"):
            raise c.build_expected_error("all, last or none")
        output = c.read_token().text
    c.expect(":")
    condition = parse_expression(c)
    assignments: list[Named] = []
    if c.accept("=>"):
        assignments.append(_parse_assignment(c))
        while c.accept(","):
            assignments.append(_parse_assignment(c))
    c.expect(";")
    return tree.ScanStep(
        name=name,
        condition=condition,
        assignments=tuple(assignments),
        optional=optional,
        output=output,
        span=c.make_span(start),
    )


def _parse_assignment(c: Cursor) -> Named:
    start = c.token.start
    name = c.read_declared_name("the name of a column")
    c.expect("=")
    return Named(names=(name,), value=parse_expression(c), span=c.make_span(start))
