"""Find edits that make a condition true or false: a search over the tree, every step checked by the interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import Any

from derivation.values import candidates
from derivation.world import NAME, Bare, Edits, Mark
from nephoscope_policy import EvaluationContext, Snapshot, explain, tree
from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral, list_children
from nephoscope_policy.body_paths import STAR
from nephoscope_policy.condition_outcome import Truth
from nephoscope_policy.evaluation_scope import EvaluationScope, LoopFrame
from nephoscope_policy.resource_view import NotCollected, View

LEAF_TRIES = 240
BRANCHES = 24


class OutOfBudgetError(Exception):
    """The search looked at too many bodies."""


@dataclass(slots=True)
class Budget:
    """How many bodies may still be looked at."""

    left: int = 6000

    def spend(self) -> None:
        """Take one."""
        self.left -= 1
        if self.left < 0:
            raise OutOfBudgetError


@dataclass(frozen=True, slots=True)
class Search:
    """A search over one resource. `subject` is the resource of the `if` where this one is the related resource.

    `bound` maps the array paths of running counts (ending in STAR) to the element that is being made; `frames` are the loops of
    value counts.
    """

    bare: Bare
    snapshot: Snapshot
    context: EvaluationContext
    parameters: dict[str, Any]
    budget: Budget = field(default_factory=Budget)
    subject: View | None = None
    bound: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...] = ()
    frames: tuple[LoopFrame, ...] = ()

    def scope(self, edits: Edits) -> EvaluationScope:
        """What a condition sees after the edits."""
        self.budget.spend()
        view = View(self.bare.resource(edits))
        subject = self.subject or view
        return EvaluationScope(subject, self.snapshot, self.context, self.parameters, view, self.frames)

    def truth(self, node: tree.Condition, edits: Edits) -> Truth:
        """How the condition ends after the edits, counted loops aside."""
        return explain.explain_condition(node, self.scope(edits)).truth

    def make(self, node: tree.Condition, want: bool, edits: Edits) -> Iterator[Edits]:
        """Edits that contain the given ones and make the condition end as wanted."""
        if not self.bound and self.truth(node, edits) is (Truth.TRUE if want else Truth.FALSE):
            yield edits
        if isinstance(node, tree.Not):
            yield from self.make(node.child, not want, edits)
        elif isinstance(node, tree.Leaf):
            yield from self._leaf(node, want, edits)
        elif isinstance(node, tree.AllOf) == want:
            yield from self._all(node.children, want, edits)
        else:
            yield from _in_turn(
                [islice(self.make(child, want, edits), BRANCHES) for child in reversed(node.children)]
            )

    def _all(self, children: tuple[tree.Condition, ...], want: bool, edits: Edits) -> Iterator[Edits]:
        if not children:
            yield edits
            return
        for found in islice(self.make(children[0], want, edits), BRANCHES):
            yield from self._all(children[1:], want, found)

    def _leaf(self, leaf: tree.Leaf, want: bool, edits: Edits) -> Iterator[Edits]:
        wanted = Truth.TRUE if want else Truth.FALSE
        for added in islice(self._edits(leaf, want, edits), LEAF_TRIES):
            found = _joined(edits, added)
            if self.bound or self.truth(leaf, found) is wanted:
                yield found

    def _edits(self, leaf: tree.Leaf, want: bool, edits: Edits) -> Iterator[Edits]:
        try:
            operand = explain.explain_value(leaf.operand, self.scope(edits))
        except (ArmError, NotCollected):
            operand = None
        if isinstance(leaf.subject, tree.CountExpression):
            yield from self._count(leaf.subject, operand, edits)
        elif isinstance(leaf.subject, tree.FieldRef):
            path = self._path(leaf.subject, edits)
            if path:
                yield from _extended(path, edits, leaf.operator, operand)
                yield from (((path, value),) for value in candidates(leaf.operator, operand, want))
            yield from self._arguments(leaf, operand, edits)
        else:
            yield from self._arguments(leaf, operand, edits)

    def _path(self, ref: tree.FieldRef, edits: Edits) -> tuple[Any, ...]:
        """Where a field is written, () where it cannot be."""
        try:
            name = explain.explain_value(ref.name, self.scope(edits))
            found = self.snapshot.aliases.resolve_field(str(name), "", self.bare.type)
        except (ArmError, NotCollected, UnknownAlias, ValueError):
            return ()
        if found.special:
            return NAME if found.special == "name" else ()
        return self._placed(found.spelled)

    def _placed(self, segments: tuple[Any, ...]) -> tuple[Any, ...]:
        """A path with the elements of running counts in place of `[*]`."""
        folded = tuple(one.lower() if isinstance(one, str) else one for one in segments)
        for prefix, element in reversed(self.bound):
            if folded[: len(prefix)] == prefix:
                return element + segments[len(prefix) :]
        return segments

    def _arguments(self, leaf: tree.Leaf, operand: Any, edits: Edits) -> Iterator[Edits]:
        """Values for the fields that the expressions of a leaf read."""
        names = list(dict.fromkeys(name for part in _templates(leaf) for name in _read(part)))
        paths = [
            path for name in names if (path := self._path(tree.FieldRef(tree.PolicyLiteral(name)), edits))
        ][:2]
        if not paths:
            return
        near = [operand, *(operand if isinstance(operand, list) else [])] if operand is not None else []
        pool = [
            *near,
            *candidates(leaf.operator, operand, True),
            "2020-01-01T00:00:00Z",
            "a/b/c/d/e/f/g/h/i/j",
            [{}],
        ]
        for chosen in product(pool[:24], repeat=len(paths)):
            yield tuple(zip(paths, chosen, strict=True))

    def _count(self, count: tree.CountExpression, operand: Any, edits: Edits) -> Iterator[Edits]:
        """Arrays with numbers of elements around the one that is compared with."""
        if isinstance(count.over, tree.ValueRef):
            yield from self._value_count(count, edits)
            return
        path = self._path(count.over, edits)
        if not path:
            return
        array = path[:-1] if path[-1] is STAR else path
        limit = operand if isinstance(operand, int) and not isinstance(operand, bool) else 1
        numbers = dict.fromkeys((0, 1, 2, limit, limit + 1, max(limit - 1, 0)))
        there = self._length(array, edits)
        for matching, others in product([n for n in numbers if n <= 12], (0, 1)):
            if count.where is None and others:
                continue
            if there and matching:
                yield from islice(self._elements(count, path, array, matching, others, there), 6)
            yield from islice(self._elements(count, path, array, matching, others, 0), 6)
        yield ((array, Mark.ABSENT),)

    def _length(self, array: tuple[Any, ...], edits: Edits) -> int:
        """How many elements the edits have given an array."""
        node: Any = self.bare.resource(edits).body
        for segment in (0 if one is STAR else one for one in array):
            if (isinstance(node, dict) and segment in node) or (
                isinstance(node, list) and isinstance(segment, int) and segment < len(node)
            ):
                node = node[segment]
            else:
                return 0
        return len(node) if isinstance(node, list) else 0

    def _elements(
        self,
        count: tree.CountExpression,
        path: tuple[Any, ...],
        array: tuple[Any, ...],
        matching: int,
        others: int,
        there: int,
    ) -> Iterator[Edits]:
        """Edits that give an array so many elements that the `where` takes and so many others, behind those there."""
        plain = tuple(0 if one is STAR else one for one in array)
        made: Edits = () if there else ((plain, []),)
        alternatives = [
            self._element(count, path, (*plain, there + index), index < matching)
            for index in range(matching + others)
        ]
        for chosen in islice(product(*alternatives), 24):
            yield made + tuple(edit for part in chosen for edit in part)

    def _element(
        self, count: tree.CountExpression, path: tuple[Any, ...], at: tuple[Any, ...], goal: bool
    ) -> list[Edits]:
        """Ways to make one element."""
        if count.where is None:
            return [((at, f"made{at[-1]}"),)]
        inner = self._inside(path, at)
        return list(islice(inner.make(count.where, goal, ((at, {}),)), 8))

    def _inside(self, path: tuple[Any, ...], element: tuple[Any, ...]) -> Search:
        """The search inside a count: `[*]` of its path is the element, outer `[*]` are the first."""
        segments = tuple(one.lower() if isinstance(one, str) else one for one in path)
        bound = list(self.bound)
        stars = [at for at, one in enumerate(segments) if one is STAR]
        for at in stars:
            whole = at == stars[-1]
            bound.append(
                (
                    segments[: at + 1],
                    element if whole else tuple(0 if o is STAR else o for o in path[: at + 1]),
                )
            )
        return replace(self, bound=tuple(bound))

    def _value_count(self, count: tree.CountExpression, edits: Edits) -> Iterator[Edits]:
        """Edits for the first elements of a counted array: the `where` true, or false, for each."""
        assert isinstance(count.over, tree.ValueRef)
        try:
            items = explain.explain_value(count.over.operand, self.scope(edits))
        except (ArmError, NotCollected):
            return
        if not isinstance(items, list) or count.where is None:
            return
        for goal in (True, False):
            found: Edits = edits
            for item in items[:8]:
                inner = replace(self, frames=(*self.frames, LoopFrame(count.name.lower(), item)))
                found = next(inner.make(count.where, goal, found), found)
            yield tuple(edit for edit in found if edit not in edits)
        for item in items[:4]:
            inner = replace(self, frames=(*self.frames, LoopFrame(count.name.lower(), item)))
            for one in islice(inner.make(count.where, True, edits), 4):
                yield tuple(edit for edit in one if edit not in edits)


def _in_turn(sources: list[Iterator[Edits]]) -> Iterator[Edits]:
    """One of each source, then the second of each, and so on."""
    while sources:
        left = []
        for source in sources:
            found = next(source, None)
            if found is not None:
                left.append(source)
                yield found
        sources = left


def _extended(path: tuple[Any, ...], edits: Edits, operator: str, operand: Any) -> Iterator[Edits]:
    """A value that an earlier condition asked for, with what this one asks for added."""
    there = dict(edits).get(path)
    if operator != "contains":
        return
    if isinstance(there, str) and there not in (Mark.ABSENT, Mark.EXISTS):
        yield ((path, f"{there},{operand}"),)
    elif isinstance(there, list):
        yield ((path, [*there, operand]),)


def _joined(edits: Edits, added: Edits) -> Edits:
    """Edits in order; a later one at the same path wins."""
    merged: dict[tuple[Any, ...], Any] = dict(edits)
    for path, value in added:
        if value is Mark.EXISTS and path in merged:
            continue
        merged[path] = value
    return tuple(merged.items())


def _templates(leaf: tree.Leaf) -> Iterator[tree.TemplateExpression]:
    parts: list[Any] = [leaf.operand]
    if isinstance(leaf.subject, tree.ValueRef):
        parts.append(leaf.subject.operand)
    elif isinstance(leaf.subject, tree.FieldRef):
        parts.append(leaf.subject.name)
    while parts:
        part = parts.pop()
        if isinstance(part, tree.TemplateExpression):
            yield part
        elif isinstance(part, tree.ListExpression):
            parts.extend(part.items)
        elif isinstance(part, tree.ObjectExpression):
            parts.extend(value for _, value in part.items)


def _read(template: tree.TemplateExpression) -> Iterator[str]:
    """The fields that an expression reads by a literal name."""
    nodes = [template.expression.tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ArmCall) and node.key == "field" and isinstance(node.arguments[0], ArmLiteral):
            yield str(node.arguments[0].value)
        nodes.extend(list_children(node))
