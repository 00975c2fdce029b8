"""Conditions to closures, for one rule, one resource type and one api-version.

A compiled condition takes the lower-cased body and the running evaluation, and returns a plain bool: whatever is unknown or
fails raises, and the caller then asks the explain interpreter, which is three-valued. What the parameters and the type decide
is decided here: a condition may come out as True or False itself. No code is generated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import explain, member_counts, shared_conditions, tree
from nephoscope_policy.arm import ArmError
from nephoscope_policy.body_paths import MISSING, STAR, Segments
from nephoscope_policy.compiled_scope import FAST_HOSTS, CompiledRun
from nephoscope_policy.condition_outcome import Truth
from nephoscope_policy.count_cache import is_type_only_count, remember_by_type
from nephoscope_policy.evaluation_scope import LoopFrame
from nephoscope_policy.keywords import CASED
from nephoscope_policy.member_counts import Loop
from nephoscope_policy.operators import assess, strip_spaces
from nephoscope_policy.path_getters import compile_every_test, make_getter, make_path_condition
from nephoscope_policy.predicates import make_predicate
from nephoscope_policy.resource_view import MARKS
from nephoscope_policy.validation import iterate_templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.aliases import Aliases, FieldPath
    from nephoscope_policy.constant_folding import ConstantFolder
    from nephoscope_policy.engine_differences import Switches

Test = "Callable[[dict[str, object], Run], bool]"
Value = "Callable[[Run], object]"


class Compiler:
    """Compiles the conditions of one rule for resources of one lower-cased type."""

    def __init__(
        self, aliases: Aliases, switches: Switches, fold: ConstantFolder, type_: str, api_version: str = ""
    ) -> None:
        self._aliases = aliases
        self._switches = switches
        self.fold = fold
        self._type = type_
        self._version = api_version
        self._loops: list[Loop] = []
        self.slots = 0
        """How many loop elements a running evaluation holds."""
        self.runs = False
        """Whether some closure needs the running evaluation."""

    def compile_condition(
        self, node: tree.Condition
    ) -> bool | Callable[[dict[str, object], CompiledRun], bool]:
        """The closure of a condition, or its truth where that is settled beforehand."""
        if isinstance(node, tree.Leaf):
            return self._compile_leaf(node)
        if isinstance(node, tree.Not):
            child = self.compile_condition(node.child)
            return (not child) if isinstance(child, bool) else _negate_test(child)
        decisive = isinstance(node, tree.AnyOf)
        children: list[Callable[[dict[str, object], CompiledRun], bool]] = []
        for raw in node.children:
            child = self.compile_condition(raw)
            if child is decisive:
                return decisive
            if not isinstance(child, bool):
                children.append(child)
        if not children:
            return not decisive
        if len(children) == 1:
            return children[0]
        return self._share_test(node, (_combine_with_or if decisive else _combine_with_and)(tuple(children)))

    def _share_test(
        self, node: tree.Condition, test: Callable[[dict[str, object], CompiledRun], bool]
    ) -> Callable[[dict[str, object], CompiledRun], bool]:
        """Keep the answer of a large condition that reads nothing but the body."""
        found = None if self._loops else shared_conditions.build_signature(node, self.fold)
        if found is None or shared_conditions.count_leaves(found) < shared_conditions.WORTH:
            return test
        return shared_conditions.share_answers(test, found, self._version)

    def compile_operand(self, operand: tree.Operand) -> Callable[[CompiledRun], object]:
        """A function that gives an operand's value."""
        folded = self.fold(operand)
        if folded is not MISSING:
            return lambda _: folded
        self.runs = True
        if isinstance(operand, tree.TemplateExpression):
            return operand.expression.compile(FAST_HOSTS)
        if isinstance(operand, tree.ListExpression):
            items = [self.compile_operand(item) for item in operand.items]
            return lambda run: [item(run) for item in items]
        if isinstance(operand, tree.ObjectExpression):
            pairs = [(key, self.compile_operand(item)) for key, item in operand.items]
            return lambda run: {key: item(run) for key, item in pairs}
        raise AssertionError("a literal always folds")

    def _compile_leaf(self, leaf: tree.Leaf) -> bool | Callable[[dict[str, object], CompiledRun], bool]:
        if isinstance(leaf.subject, tree.FieldRef):
            return self._compile_field(leaf, leaf.subject)
        if isinstance(leaf.subject, tree.CountExpression):
            return self._compile_count(leaf, leaf.subject)
        return self._compile_value(leaf, leaf.subject)

    def _compile_value(
        self, leaf: tree.Leaf, subject: tree.ValueRef
    ) -> bool | Callable[[dict[str, object], CompiledRun], bool]:
        left, right = self.fold(subject.operand), self.fold(leaf.operand)
        if left is not MISSING and right is not MISSING and self._switches.mixed_order == "false":
            return assess(leaf.operator, left, right, self._switches)
        actual = self.compile_operand(subject.operand)
        if right is not MISSING:
            test = make_predicate(leaf.operator, right, self._switches)
            return lambda _, run: test(actual(run))
        expected, operator, switches = self.compile_operand(leaf.operand), leaf.operator, self._switches
        return lambda _, run: assess(operator, actual(run), expected(run), switches)

    def _find_path(self, field: tree.FieldRef) -> FieldPath | None:
        """The path of a field whose name is known beforehand."""
        name = self.fold(field.name)
        if not isinstance(name, str):
            return None
        return self._aliases.resolve_field(name, self._version, self._type)

    def _compile_field(
        self, leaf: tree.Leaf, field: tree.FieldRef
    ) -> bool | Callable[[dict[str, object], CompiledRun], bool]:
        try:
            path = self._find_path(field)
        except (LookupError, ValueError):
            path = None
        if path is None:
            return self._make_dynamic(leaf, field)
        right = self.fold(leaf.operand)
        if right is MISSING:
            return self._test_field_dynamically(leaf, path)
        if path.location:
            right = strip_spaces(right)
        if path.special == "type" and leaf.operator not in CASED and self._switches.mixed_order == "false":
            return assess(leaf.operator, self._type or MISSING, right, self._switches)
        return self._test_field(path, make_predicate(leaf.operator, right, self._switches))

    def _test_field(
        self, path: FieldPath, test: Callable[[object], bool]
    ) -> Callable[[dict[str, object], CompiledRun], bool]:
        """Apply a test of one value to a field."""
        start, segments = self._bind_loop(path)
        if STAR in segments:
            assess_all = compile_every_test(segments, test, self._switches.missing_array == "true")
            if start < 0:
                return lambda body, _: assess_all(body)
            return lambda _, run: assess_all(run.slots[start])
        if start < 0:
            return make_path_condition(segments, test)
        read = make_getter(segments) if segments else None
        if read is None:
            return lambda _, run: test(run.slots[start])
        return lambda _, run: test(read(run.slots[start]))

    def _test_field_dynamically(
        self, leaf: tree.Leaf, path: FieldPath
    ) -> Callable[[dict[str, object], CompiledRun], bool]:
        """A field against a right side that is computed while evaluating."""
        expected, operator, switches, location = (
            self.compile_operand(leaf.operand),
            leaf.operator,
            self._switches,
            path.location,
        )
        start, segments = self._bind_loop(path)
        missing = switches.missing_array == "true"

        def test(body: dict[str, object], run: CompiledRun) -> bool:
            right = expected(run)
            if location:
                right = strip_spaces(right)
            value = body if start < 0 else run.slots[start]
            return compile_every_test(
                segments, lambda left: assess(operator, left, right, switches), missing
            )(value)

        return test

    def _bind_loop(self, path: FieldPath) -> tuple[int, Segments]:
        """(slot, remaining segments) of a path that a running loop binds, else (-1, the segments in a lower-cased body)."""
        if path.special or path.location:
            return -1, (MARKS[path.special or "location"],)
        for loop in reversed(self._loops):
            if path.segments[: len(loop.prefix)] == loop.prefix:
                return loop.slot, path.segments[len(loop.prefix) :]
        return -1, path.segments

    def _make_dynamic(
        self, leaf: tree.Leaf, field: tree.FieldRef
    ) -> Callable[[dict[str, object], CompiledRun], bool]:
        """A field whose name is computed while evaluating."""
        expected = self.compile_operand(leaf.operand)
        self.runs = True

        def test(_: dict[str, object], run: CompiledRun) -> bool:
            truth = explain.explain_field(leaf, field, expected(run), run).truth
            if truth in (Truth.TRUE, Truth.FALSE):
                return truth is Truth.TRUE
            raise ArmError("", "undecided")

        return test

    def _compile_count(
        self, leaf: tree.Leaf, count: tree.CountExpression
    ) -> Callable[[dict[str, object], CompiledRun], bool]:
        right = self.fold(leaf.operand)
        stop = _find_stop_count(leaf.operator, right)
        number = self._compile_counter(count, stop)
        if right is not MISSING:
            test = make_predicate(leaf.operator, right, self._switches)
            return lambda body, run: test(number(body, run))
        expected, operator, switches = self.compile_operand(leaf.operand), leaf.operator, self._switches

        def compare_count(body: dict[str, object], run: CompiledRun) -> bool:
            right = expected(run)
            return assess(operator, number(body, run), right, switches)

        return compare_count

    def _compile_counter(
        self, count: tree.CountExpression, stop: int
    ) -> Callable[[dict[str, object], CompiledRun], int]:
        self.runs = True
        if isinstance(count.over, tree.ValueRef):
            number = self._make_value_counter(count, count.over, stop)
            return remember_by_type(number) if is_type_only_count(count) else number
        try:
            path = self._find_path(count.over)
        except (LookupError, ValueError):
            path = None
        if path is None or path.special or STAR not in path.segments:
            return member_counts.compile_interpreted_count(count)
        start, segments = self._bind_loop(path)
        if count.where is None:
            return member_counts.make_size_counter(start, segments)
        prefix = path.segments[: len(path.segments) - len(segments)]
        depth = len(self._loops)
        levels = self._open_levels(segments, prefix)
        where = self.compile_condition(count.where)
        framed = _needs_frames(count.where, self.fold)
        if not framed and len(levels) == 1 and segments[-1] is STAR and not isinstance(where, bool):
            self._loops[depth:] = []
            return member_counts.compile_simple_count(
                start, make_getter(segments[:-1]) if segments[:-1] else None, levels[0].slot, where, stop
            )
        inner = tuple(self._loops[depth:])
        self._loops[depth:] = []
        return member_counts.compile_nested_count(path, start, segments, inner, where, framed)

    def _open_levels(self, segments: Segments, prefix: Segments) -> list[Loop]:
        """Open a loop per `[*]` of a counted path."""
        opened: list[Loop] = []
        for index, segment in enumerate(segments):
            if segment is STAR:
                opened.append(Loop((*prefix, *segments[: index + 1]), self.slots))
                self.slots += 1
        self._loops.extend(opened)
        return opened

    def _make_value_counter(
        self, count: tree.CountExpression, over: tree.ValueRef, stop: int
    ) -> Callable[[dict[str, object], CompiledRun], int]:
        items = self.compile_operand(over.operand)
        name = count.name.lower()
        where = self.compile_condition(count.where) if count.where is not None else True

        def count_values(body: dict[str, object], run: CompiledRun) -> int:
            given = items(run)
            members = given if isinstance(given, list) else [] if given is None else [given]
            if isinstance(where, bool):
                return len(members) if where else 0
            run.steps.spend(len(members))
            outer, total = run.frames, 0
            try:
                for member in members:
                    run.frames = (*outer, LoopFrame(name, member))
                    total += where(body, run)
                    if total == stop:
                        break
            finally:
                run.frames = outer
            return total

        return count_values


def _negate_test(
    child: Callable[[dict[str, object], CompiledRun], bool],
) -> Callable[[dict[str, object], CompiledRun], bool]:
    return lambda body, run: not child(body, run)


def _combine_with_and(
    children: tuple[Callable[[dict[str, object], CompiledRun], bool], ...],
) -> Callable[[dict[str, object], CompiledRun], bool]:
    if len(children) == 2:
        first, second = children
        return lambda body, run: first(body, run) and second(body, run)

    def test(body: dict[str, object], run: CompiledRun) -> bool:
        for child in children:  # noqa: SIM110 - a generator costs a third more
            if not child(body, run):
                return False
        return True

    return test


def _combine_with_or(
    children: tuple[Callable[[dict[str, object], CompiledRun], bool], ...],
) -> Callable[[dict[str, object], CompiledRun], bool]:
    if len(children) == 2:
        first, second = children
        return lambda body, run: first(body, run) or second(body, run)

    def test(body: dict[str, object], run: CompiledRun) -> bool:
        for child in children:  # noqa: SIM110 - a generator costs a third more
            if child(body, run):
                return True
        return False

    return test


def _find_stop_count(operator: str, right: object) -> int:
    """The count from which on the verdict cannot change any more, -1 where there is none."""
    if not isinstance(right, int) or isinstance(right, bool) or right < 0:
        return -1
    if operator in ("greater", "lessorequals", "equals", "notequals"):
        return right + 1
    return max(right, 1) if operator in ("greaterorequals", "less") else -1


def _needs_frames(node: tree.Condition, fold: ConstantFolder) -> bool:
    """Return whether something inside a loop asks a function for the loop, or for a field by its name."""
    if isinstance(node, tree.Not):
        return _needs_frames(node.child, fold)
    if not isinstance(node, tree.Leaf):
        return any(_needs_frames(child, fold) for child in node.children)
    return _asks(node.operand) or _is_subject_queried(node.subject, fold)


def _is_subject_queried(
    subject: tree.FieldRef | tree.ValueRef | tree.CountExpression, fold: ConstantFolder
) -> bool:
    if isinstance(subject, tree.FieldRef):
        return fold(subject.name) is MISSING
    if isinstance(subject, tree.ValueRef):
        return _asks(subject.operand)
    inner = subject.where is not None and _needs_frames(subject.where, fold)
    return inner or _is_subject_queried(subject.over, fold)


def _asks(operand: tree.Operand) -> bool:
    return any(
        not template.expression.calls.isdisjoint({"current", "field"})
        for template in iterate_templates(operand)
    )
