"""Counting the members that a path with `[*]` selects: the closures behind a count of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy import explain
from nephoscope_policy.arm import ArmError
from nephoscope_policy.body_paths import MISSING, Segments, split_at_elements
from nephoscope_policy.condition_outcome import Truth
from nephoscope_policy.evaluation_scope import LoopFrame, find_bound_start
from nephoscope_policy.path_getters import make_getter
from nephoscope_policy.selected_members import iterate_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy import tree
    from nephoscope_policy.aliases import FieldPath
    from nephoscope_policy.compiled_scope import CompiledRun


class Loop(msgspec.Struct, frozen=True):
    """A count around a condition: `prefix` is the `[*]`-ended path it goes over, `slot` where its element lies."""

    prefix: Segments
    slot: int


def make_size_counter(start: int, segments: Segments) -> Callable[[dict[str, object], CompiledRun], int]:
    """Count how many members a path selects."""
    read = _make_members(segments)
    if start < 0:
        return lambda body, _: read(body)
    return lambda _, run: read(run.slots[start])


def _make_members(segments: Segments) -> Callable[[object], int]:
    head, rest = split_at_elements(segments)
    read = make_getter(head) if head else None
    if rest is None:
        return lambda value: 0 if (value if read is None else read(value)) is MISSING else 1
    inner = _make_members(rest) if rest else None

    def count_members(value: object) -> int:
        found = value if read is None else read(value)
        if type(found) is not list:
            return 0
        return len(found) if inner is None else sum(map(inner, found))

    return count_members


def compile_simple_count(
    start: int,
    read: Callable[[object], object] | None,
    slot: int,
    where: Callable[[dict[str, object], CompiledRun], bool],
    stop: int,
) -> Callable[[dict[str, object], CompiledRun], int]:
    """One `[*]` at the end, and a condition that asks no function for the running loop."""

    def count_members(body: dict[str, object], run: CompiledRun) -> int:
        slots = run.slots
        value = body if start < 0 else slots[start]
        items = value if read is None else read(value)
        if type(items) is not list:
            return 0
        run.steps.spend(len(items))
        total = 0
        for item in items:
            slots[slot] = item
            if where(body, run):
                total += 1
                if total == stop:
                    return total
        return total

    return count_members


def compile_nested_count(
    path: FieldPath,
    start: int,
    segments: Segments,
    loops: tuple[Loop, ...],
    where: bool | Callable[[dict[str, object], CompiledRun], bool],
    framed: bool,
) -> Callable[[dict[str, object], CompiledRun], int]:
    """Any number of `[*]`, with frames where functions ask for the running loop."""
    name = path.text.lower()
    prefix = path.segments[: len(path.segments) - len(segments)]

    def count_members(body: dict[str, object], run: CompiledRun) -> int:
        value = body if start < 0 else run.slots[start]
        raw = find_bound_start(run.frames, run.target, path.segments)[0] if framed else None
        originals = list(iterate_members(run.target, raw, segments, prefix)) if framed else []
        outer, total = run.frames, 0
        try:
            for index, (_, bound, _) in enumerate(iterate_members(run.target, value, segments, prefix)):
                run.steps.spend(1)
                for loop, (_prefix, held) in zip(loops, bound, strict=True):
                    run.slots[loop.slot] = held
                if framed:
                    original, spelled, places = originals[index]
                    run.frames = (*outer, LoopFrame(name, original, spelled, run.target, places))
                total += where if isinstance(where, bool) else where(body, run)
        finally:
            run.frames = outer
        return total

    return count_members


def compile_interpreted_count(count: tree.CountExpression) -> Callable[[dict[str, object], CompiledRun], int]:
    """A count over a field whose name is computed while evaluating."""

    def count_members(_: dict[str, object], run: CompiledRun) -> int:
        total = 0
        for frame in explain.frames(count, run):
            outcome = (
                explain.explain_condition(count.where, run.make_nested_scope(frame))
                if count.where is not None
                else None
            )
            if outcome is not None and outcome.truth not in (Truth.TRUE, Truth.FALSE):
                raise ArmError("", outcome.message)
            total += outcome is None or outcome.truth is Truth.TRUE
        return total

    return count_members
