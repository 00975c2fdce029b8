"""graph-match and graph-shortest-paths: a pattern is joins of a graph's tables, a path as many as it may have edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from nephoscope_kql import tree
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.environment import Env, make_reference, register_operator_binder
from nephoscope_kql.binder.tree_building import (
    build_call,
    build_comparison,
    build_extend,
    build_inner_join,
    build_items,
    build_literal,
    build_name,
    build_project,
    build_project_away,
    build_where,
)
from nephoscope_kql.errors import Span, make_invalid_error
from nephoscope_kql.operators.graph_expressions import (
    IN_DEGREE,
    OUT_DEGREE,
    GraphColumns,
    GraphPattern,
    PathCall,
    counts_degrees,
)
from nephoscope_kql.operators.graphs import (
    EDGE,
    EDGES,
    NODE,
    NODES,
    SOURCE,
    TARGET,
    apply_operators,
    apply_text,
    enter_graph,
    enter_rows,
    read_graph,
)
from nephoscope_kql.operators.join import read_parameter_choice
from nephoscope_kql.plan.relations import FirstOf, Graph
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import GraphEdge, GraphMatch
from nephoscope_kql.types import KqlType

_FROM, _TO, _AT, _LENGTH, _LEAST = "$from", "$to", "$at", "$length", "$least"
_CYCLES = ("unique_edges", "all", "none")


@dataclass(frozen=True, slots=True)
class GraphStep:
    """An edge of a pattern with the names of its nodes, each a name of its own where the pattern gives none."""

    left: str
    edge: str
    right: str
    given: GraphEdge

    def turn(self) -> GraphStep:
        """Return the same edge, read from its right node to its left one."""
        directions = {"left": "right", "right": "left", "any": "any"}
        given = GraphEdge(
            name=self.given.name,
            direction=directions[self.given.direction],
            low=self.given.low,
            high=self.given.high,
            span=self.given.span,
        )
        return GraphStep(self.right, self.edge, self.left, given)


@register_operator_binder(GraphMatch)
def bind_graph_match(relation: Relation, operator: GraphMatch, env: Env) -> Relation:
    """`graph-match` and `graph-shortest-paths`."""
    graph = read_graph(relation, operator.span)
    steps, alone = _list_steps(operator)
    if operator.shortest and (len(operator.patterns) > 1 or all(one.given.high is None for one in steps)):
        raise make_invalid_error("graph-shortest-paths takes one sequence, with a path", operator.span)
    cycles = (
        "none"
        if operator.shortest
        else read_parameter_choice(operator.parameters, "cycles", _CYCLES, "cycles")
    )
    if counts_degrees(operator):
        graph = _count_degrees(graph, env)
    search = GraphSearch(graph, operator, steps, cycles, env)
    rows = search.find(alone)
    if operator.shortest:
        rows = _keep_shortest(rows, operator, steps, env)
    items = tuple(search.pattern.rewrite(item) for item in _list_named_items(operator.items))
    return apply_operators(rows, [tree.operators.Project(items=items, span=operator.span)], search.env)


def _list_named_items(items: tuple[tree.Expression, ...]) -> Iterator[tree.Expression]:
    """The items, each with the name that its own text implies: over columns of matches it would imply another."""
    names = ColumnNames(filter(None, map(get_implied_name, items)))
    for item in items:
        if isinstance(item, tree.Named):
            yield item
        else:
            name = build_name(get_implied_name(item) or names.make_default_name(), item.span)
            yield tree.Named(names=(name,), value=item, span=item.span)


def _list_steps(operator: GraphMatch) -> tuple[list[GraphStep], str]:
    """The edges of all sequences, and the first node; what the pattern does not name gets a name that no query can write."""
    numbers = count(1)
    steps: list[GraphStep] = []
    first = ""
    for sequence in operator.patterns:
        nodes = [name or f"${next(numbers)}" for name in sequence.nodes]
        first = first or nodes[0]
        for place, edge in enumerate(sequence.edges):
            steps.append(GraphStep(nodes[place], edge.name or f"${next(numbers)}", nodes[place + 1], edge))
    names = [one.edge for one in steps]
    ends = {name for one in steps for name in (one.left, one.right)}
    if len(set(names)) < len(names) or ends & set(names):
        raise make_invalid_error("every edge of a pattern has a name of its own", operator.span)
    return steps, first


def _count_degrees(graph: Graph, env: Env) -> Graph:
    inner = enter_graph(graph, env)
    nodes = graph.nodes
    for degree, end in ((IN_DEGREE, TARGET), (OUT_DEGREE, SOURCE)):
        nodes = apply_text(
            nodes,
            f"join kind=leftouter ({EDGES} | summarize ['{degree}'] = count() by ['{NODE}'] = ['{end}']) on ['{NODE}'] "
            f"| project-away ['{NODE}1'] | extend ['{degree}'] = coalesce(['{degree}'], 0)",
            inner,
        )
    return Graph(columns=(), nodes=nodes, edges=graph.edges)


def _keep_shortest(rows: Relation, operator: GraphMatch, steps: list[GraphStep], env: Env) -> Relation:
    """The rows whose paths are shortest between their first and last nodes: all of them, or one for each pair."""
    span = operator.span
    lengths = [
        build_call("array_length", build_name(GraphColumns.path(one.edge), span))
        for one in steps
        if one.given.high
    ]
    total: tree.Expression = build_literal(len(steps) - len(lengths), KqlType.LONG, span)
    for length in lengths:
        total = tree.Binary(operator="+", left=total, right=length, span=span)
    rows = apply_operators(rows, [build_extend({_LENGTH: total}, span)], env)
    ends = [GraphColumns.key(name) for name in (steps[0].left, steps[-1].right)]
    if read_parameter_choice(operator.parameters, "output", ("any", "all"), "output") == "any":
        paths = [build_name(GraphColumns.path(one.edge), span) for one in steps if one.given.high]
        order = [build_name(_LENGTH, span), *(build_call("tostring", path) for path in paths)]
        items = tuple(tree.Ordered(value=value, ascending=True, span=span) for value in order)
        rows = apply_operators(rows, [tree.operators.Sort(keys=items, span=span)], env)
        keys = tuple(make_reference(one, span) for one in rows.columns if one.name in ends)
        return FirstOf(columns=rows.columns, order=rows.order, input=rows, keys=keys)
    inner = enter_rows({"$rows": rows}, env)
    least = build_call("min", build_name(_LENGTH, span))
    summarize = tree.operators.Summarize(
        aggregates=build_items({_LEAST: least}, span),
        groups=build_items({"$first": build_name(ends[0], span), "$last": build_name(ends[1], span)}, span),
        span=span,
    )
    shortest = tree.Pipe(source=build_name("$rows", span), operators=(summarize,), span=span)
    pairs = build_inner_join(shortest, ends[0], "$first", span)
    equal = [build_comparison("==", build_name(ends[1], span), build_name("$last", span))]
    equal.append(build_comparison("==", build_name(_LENGTH, span), build_name(_LEAST, span)))
    found = inner.bind_tabular(build_name("$rows", span))
    return apply_operators(found, [pairs, *build_where(equal, span)], inner)


@dataclass
class GraphSearch:
    """The joins of a pattern, made edge by edge from nodes that are there already."""

    graph: Graph
    operator: GraphMatch
    steps: list[GraphStep]
    cycles: str
    outer: Env
    pattern: GraphPattern = field(init=False)
    env: Env = field(init=False)
    bound: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.env = enter_graph(self.graph, self.outer)
        nodes = {name for one in self.steps for name in (one.left, one.right)}
        self.pattern = GraphPattern(
            nodes=nodes,
            edges={one.edge for one in self.steps if one.given.high is None},
            paths={one.edge for one in self.steps if one.given.high is not None},
            node_columns={column.name for column in self.graph.nodes.columns},
            edge_columns={column.name for column in self.graph.edges.columns},
        )

    @property
    def span(self) -> Span:
        """Return the place of the operator."""
        return self.operator.span

    def find(self, first: str) -> Relation:
        """The rows of all matches: the columns of every node and edge under `name.column`."""
        self.pattern.nodes.add(first)
        predicate = self.operator.predicate
        self.pattern.add_conditions(predicate)
        for item in self.operator.items:
            self.pattern.rewrite(item)
        rows = self.env.bind_tabular(self._select_nodes(first))
        self.bound.append(first)
        rows = self._filter_rows(rows)
        pending = list(self.steps)
        while pending:
            step = next((one for one in pending if {one.left, one.right} & set(self.bound)), None)
            if step is None:
                raise make_invalid_error("the sequences of a pattern share a node with each other", self.span)
            pending.remove(step)
            step = step if step.left in self.bound else step.turn()
            rows = self._add_edge(rows, step) if step.given.high is None else self._add_path(rows, step)
            rows = self._filter_rows(rows)
        return rows

    def _filter_rows(self, rows: Relation) -> Relation:
        """The rows that meet the conditions of which all names are bound."""
        ready = self.pattern.take_ready({*self.bound, *self.edges, *self.paths})
        return apply_operators(rows, [*build_where(ready, self.span)], self.env)

    def _make_name(self, name: str) -> tree.Name:
        return build_name(name, self.span)

    def _select_nodes(self, name: str) -> tree.Pipe:
        values = {f"{name}.{column}": self._make_name(column) for column in sorted(self.pattern.node_columns)}
        project = build_project(dict(values), self.span)
        return tree.Pipe(source=self._make_name(NODES), operators=(project,), span=self.span)

    def _select_edges(self, name: str, direction: str) -> tree.Expression:
        """The edges with the ends from and to which they are gone along; in any direction each of them twice, a loop once."""
        there = self._select_directed_edges(name, SOURCE, TARGET)
        back = self._select_directed_edges(name, TARGET, SOURCE)
        if direction != "any":
            return there if direction == "right" else back
        loops = build_comparison("!=", self._make_name(_FROM), self._make_name(_TO))
        again = tree.Pipe(
            source=back.source, operators=(*back.operators, *build_where([loops], self.span)), span=self.span
        )
        union = tree.operators.Union(items=(again,), span=self.span)
        return tree.Pipe(source=there.source, operators=(*there.operators, union), span=self.span)

    def _select_directed_edges(self, name: str, begin: str, end: str) -> tree.Pipe:
        hidden = (SOURCE, TARGET)
        columns = sorted(self.pattern.edge_columns - set(hidden))
        values = {f"{name}.{column}": self._make_name(column) for column in columns}
        values |= {_FROM: self._make_name(begin), _TO: self._make_name(end)}
        project = build_project(dict(values), self.span)
        return tree.Pipe(source=self._make_name(EDGES), operators=(project,), span=self.span)

    def _differs(self, value: str, others: Iterable[str], lists: Iterable[str]) -> Iterator[tree.Expression]:
        """That a value is none of some columns, nor in arrays."""
        for other in others:
            yield build_comparison("!=", self._make_name(value), self._make_name(other))
        for one in lists:
            found = build_call("array_index_of", self._make_name(one), self._make_name(value))
            yield build_comparison("==", found, build_literal(-1, KqlType.LONG, self.span))

    def _refuse_cycles(self, edge: str, node: str) -> list[tree.Expression]:
        """What a further edge, and the node that it leads to, must not be."""
        if self.cycles == "all":
            return []
        if self.cycles == "unique_edges":
            edges = (f"{one}.{EDGE}" for one in self.edges)
            return list(self._differs(edge, edges, map(GraphColumns.path, self.paths)))
        keys = (GraphColumns.key(one) for one in self.bound)
        return list(self._differs(node, keys, map(GraphColumns.inner, self.paths)))

    def _add_edge(self, rows: Relation, step: GraphStep) -> Relation:
        edges = self._select_edges(step.edge, step.given.direction)
        conditions = self._refuse_cycles(f"{step.edge}.{EDGE}", _TO)
        join = build_inner_join(edges, GraphColumns.key(step.left), _FROM, self.span)
        rows = apply_operators(rows, [join, *build_where(conditions, self.span)], self.env)
        self.edges.append(step.edge)
        return self._reach_node(rows, step.right, _TO, (_FROM, _TO))

    def _reach_node(self, rows: Relation, node: str, key: str, gone: tuple[str, ...]) -> Relation:
        """The rows with the node that a column identifies; one that is bound must be that."""
        if node in self.bound:
            same = build_comparison("==", self._make_name(key), self._make_name(GraphColumns.key(node)))
            operators: list[tree.Operator] = [*build_where([same], self.span)]
        else:
            operators = [build_inner_join(self._select_nodes(node), key, GraphColumns.key(node), self.span)]
            self.bound.append(node)
        return apply_operators(rows, [*operators, build_project_away(gone, self.span)], self.env)

    def _add_path(self, rows: Relation, step: GraphStep) -> Relation:
        """The rows with a path of so many edges: those of each number of edges come from those of one fewer."""
        low, high = step.given.low or 0, step.given.high or 0
        calls = self.pattern.calls.get(step.edge, [])
        nothing = build_literal([], KqlType.DYNAMIC, self.span)
        begun: dict[str, tree.Expression] = {
            _AT: self._make_name(GraphColumns.key(step.left)),
            GraphColumns.path(step.edge): nothing,
            GraphColumns.inner(step.edge): nothing,
        }
        begun |= {call.column: call.build_start() for call in calls}
        level = apply_operators(rows, [build_extend(begun, self.span)], self.env)
        levels: dict[str, Relation] = {"$path0": level}
        env = self.env
        for length in range(1, high + 1):
            env = enter_rows({f"$path{length - 1}": level}, env)
            level = self._add_hop(
                env.bind_tabular(self._make_name(f"$path{length - 1}")), step, calls, length
            )
            levels[f"$path{length}"] = level
        env = enter_rows({f"$path{high}": level}, env)
        chosen = [f"$path{length}" for length in range(low, high + 1)]
        union = tree.operators.Union(items=tuple(map(self._make_name, chosen[1:])), span=self.span)
        found = env.bind_tabular(self._make_name(chosen[0]))
        found = apply_operators(found, [union] if len(chosen) > 1 else [], env)
        self.paths.append(step.edge)
        return self._reach_node(found, step.right, _AT, (_AT,))

    def _add_hop(self, rows: Relation, step: GraphStep, calls: list[PathCall], length: int) -> Relation:
        """The rows with one more edge; the node where they were is an inner one then."""
        if length > 1:
            rows = self._pass_node(rows, step, [call for call in calls if call.inner])
        hop = GraphColumns.hop(step.edge)
        join = build_inner_join(self._select_edges(hop, step.given.direction), _AT, _FROM, self.span)
        conditions = self._refuse_cycles(f"{hop}.{EDGE}", _TO)
        path, inner = GraphColumns.path(step.edge), GraphColumns.inner(step.edge)
        if self.cycles == "unique_edges":
            conditions += self._differs(f"{hop}.{EDGE}", (), (path,))
        elif self.cycles == "none":
            conditions += self._differs(_TO, (_AT,), (inner,))
        changed: dict[str, tree.Expression] = {
            _AT: self._make_name(_TO),
            path: self._append_expression(path, f"{hop}.{EDGE}"),
        }
        changed |= {call.column: call.build_next_value() for call in calls if not call.inner}
        gone = [f"{hop}.{name}" for name in sorted(self.pattern.edge_columns - {SOURCE, TARGET})]
        return apply_operators(
            rows,
            [
                join,
                *build_where(conditions, self.span),
                build_extend(changed, self.span),
                build_project_away([*gone, _FROM, _TO], self.span),
                *self._prune_by_conditions(calls, inner=False),
            ],
            self.env,
        )

    def _pass_node(self, rows: Relation, step: GraphStep, calls: list[PathCall]) -> Relation:
        operators: list[tree.Operator] = []
        inner = GraphColumns.inner(step.edge)
        changed: dict[str, tree.Expression] = {inner: self._append_expression(inner, _AT)}
        changed |= {call.column: call.build_next_value() for call in calls}
        passed = GraphColumns.hop(step.edge)
        gone = [f"{passed}.{name}" for name in sorted(self.pattern.node_columns)]
        if calls:
            operators.append(
                build_inner_join(self._select_nodes(passed), _AT, GraphColumns.key(passed), self.span)
            )
        operators.append(build_extend(changed, self.span))
        operators += [build_project_away(gone, self.span)] if calls else []
        return apply_operators(rows, [*operators, *self._prune_by_conditions(calls, inner=True)], self.env)

    def _prune_by_conditions(self, calls: list[PathCall], *, inner: bool) -> list[tree.Operator]:
        """Leave out at once what a condition of every edge, or of every inner node, refuses already."""
        wanted = [self._make_name(call.column) for call in calls if call.prunes and call.inner == inner]
        return [*build_where(wanted, self.span)]

    def _append_expression(self, column: str, value: str) -> tree.Expression:
        return build_call(
            "array_concat", self._make_name(column), build_call("pack_array", self._make_name(value))
        )
