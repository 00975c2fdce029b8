"""Path getters: read a lower-cased body along a fixed path, specialised by its length."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nephoscope_policy.body_paths import MISSING, Segments, split_at_elements

if TYPE_CHECKING:
    from collections.abc import Callable

Read = "Callable[[object], object]"
Test = "Callable[[object], bool]"

#: A body with lower-cased keys.
Body: TypeAlias = "dict[str, object]"


def make_getter(segments: Segments) -> Callable[[object], object]:
    """A function from a lower-cased JSON value to what the path (without `[*]`) leads to, MISSING where it ends early."""
    if all(isinstance(segment, str) for segment in segments):
        if len(segments) == 1:
            return _get_one_step(segments[0])
        if len(segments) == 2:
            return _get_two_steps(*segments)
        if len(segments) == 3:
            return _get_three_steps(*segments)
    return _make_walker(segments)


def _get_one_step(first: object) -> Callable[[object], object]:
    def read(value: object) -> object:
        return value.get(first, MISSING) if type(value) is dict else MISSING

    return read


def _get_two_steps(first: object, second: object) -> Callable[[object], object]:
    def read(value: object) -> object:
        if type(value) is dict:
            value = value.get(first)
            if type(value) is dict:
                return value.get(second, MISSING)
        return MISSING

    return read


def _get_three_steps(first: object, second: object, third: object) -> Callable[[object], object]:
    def read(value: object) -> object:
        if type(value) is dict:
            value = value.get(first)
            if type(value) is dict:
                value = value.get(second)
                if type(value) is dict:
                    return value.get(third, MISSING)
        return MISSING

    return read


def make_path_condition(segments: Segments, test: Callable[[object], bool]) -> Callable[[Body, object], bool]:
    """A condition (body, run) that applies a test to what a path leads to; the usual lengths in one call."""
    names = [segment for segment in segments if isinstance(segment, str)]
    if len(names) == len(segments):
        match names:
            case [first]:
                return lambda body, _: test(body.get(first, MISSING))
            case [first, second]:
                return _make_two_step_condition(first, second, test)
            case [first, second, third]:
                return _make_three_step_condition(first, second, third, test)
            case [first, second, third, fourth]:
                return _compile_four_step_leaf(first, second, third, fourth, test)
    read = make_getter(segments)
    return lambda body, _: test(read(body))


def _make_two_step_condition(
    first: str, second: str, test: Callable[[object], bool]
) -> Callable[[Body, object], bool]:
    def assess(body: Body, _: object) -> bool:
        value = body.get(first)
        return test(value.get(second, MISSING) if type(value) is dict else MISSING)

    return assess


def _make_three_step_condition(
    first: str, second: str, third: str, test: Callable[[object], bool]
) -> Callable[[Body, object], bool]:
    def assess(body: Body, _: object) -> bool:
        value = body.get(first)
        if type(value) is dict:
            value = value.get(second)
            if type(value) is dict:
                return test(value.get(third, MISSING))
        return test(MISSING)

    return assess


def _compile_four_step_leaf(
    first: str, second: str, third: str, fourth: str, test: Callable[[object], bool]
) -> Callable[[Body, object], bool]:
    def assess(body: Body, _: object) -> bool:
        value = body.get(first)
        if type(value) is dict:
            value = value.get(second)
            if type(value) is dict:
                value = value.get(third)
                if type(value) is dict:
                    return test(value.get(fourth, MISSING))
        return test(MISSING)

    return assess


def _make_walker(segments: Segments) -> Callable[[object], object]:
    def read(value: object) -> object:
        for segment in segments:
            if type(value) is dict:
                value = value.get(segment, MISSING) if type(segment) is str else MISSING
            elif type(value) is list and type(segment) is int and segment < len(value):
                value = value[segment]
            else:
                return MISSING
        return value

    return read


def compile_every_test(
    segments: Segments, test: Callable[[object], bool], missing_array: bool
) -> Callable[[object], bool]:
    """Return whether every value that a path with `[*]` selects passes; an empty array does, an absent one is `missing_array`."""
    head, rest = split_at_elements(segments)
    if rest is None:
        read_leaf = make_getter(segments) if segments else None
        return test if read_leaf is None else lambda value: test(read_leaf(value))
    read = make_getter(head) if head else None
    inner = compile_every_test(rest, test, missing_array) if rest else test

    def assess(value: object) -> bool:
        found = value if read is None else read(value)
        return all(map(inner, found)) if type(found) is list else missing_array

    return assess
