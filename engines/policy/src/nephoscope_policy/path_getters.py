"""Path getters: read a lower-cased body along a fixed path, specialised by its length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope_policy.body_paths import MISSING, Segments, head_and_rest

if TYPE_CHECKING:
    from collections.abc import Callable

Read = "Callable[[Any], Any]"
Test = "Callable[[Any], bool]"


def getter(segments: Segments) -> Callable[[object], object]:
    """A function from a lower-cased JSON value to what the path (without `[*]`) leads to, MISSING where it ends early."""
    if all(isinstance(segment, str) for segment in segments):
        if len(segments) == 1:
            return _one(segments[0])
        if len(segments) == 2:
            return _two(*segments)
        if len(segments) == 3:
            return _three(*segments)
    return _walk(segments)


def _one(first: object) -> Callable[[object], object]:
    def read(value: object) -> Any:
        return value.get(first, MISSING) if type(value) is dict else MISSING

    return read


def _two(first: object, second: object) -> Callable[[object], object]:
    def read(value: object) -> Any:
        if type(value) is dict:
            value = value.get(first)
            if type(value) is dict:
                return value.get(second, MISSING)
        return MISSING

    return read


def _three(first: object, second: object, third: object) -> Callable[[object], object]:
    def read(value: object) -> Any:
        if type(value) is dict:
            value = value.get(first)
            if type(value) is dict:
                value = value.get(second)
                if type(value) is dict:
                    return value.get(third, MISSING)
        return MISSING

    return read


def leaf_of(segments: Segments, test: Callable[[Any], bool]) -> Callable[[Any, Any], bool]:
    """A condition (body, run) that applies a test to what a path leads to; the usual lengths in one call."""
    if len(segments) == 1 and isinstance(segments[0], str):
        first: object = segments[0]
        return lambda body, _: test(body.get(first, MISSING))
    if len(segments) == 2 and all(isinstance(segment, str) for segment in segments):
        return _leaf_of_two(*segments, test)
    if len(segments) == 3 and all(isinstance(segment, str) for segment in segments):
        return _leaf_of_three(*segments, test)
    if len(segments) == 4 and all(isinstance(segment, str) for segment in segments):
        return _leaf_of_four(*segments, test)
    read = getter(segments)
    return lambda body, _: test(read(body))


def _leaf_of_two(
    first: object, second: object, test: Callable[[object], bool]
) -> Callable[[object, object], bool]:
    def judge(body: Any, _: object) -> bool:
        value = body.get(first)
        return test(value.get(second, MISSING) if type(value) is dict else MISSING)

    return judge


def _leaf_of_three(
    first: object, second: Any, third: object, test: Callable[[object], bool]
) -> Callable[[object, object], bool]:
    def judge(body: Any, _: object) -> bool:
        value = body.get(first)
        if type(value) is dict:
            value = value.get(second)
            if type(value) is dict:
                return test(value.get(third, MISSING))
        return test(MISSING)

    return judge


def _leaf_of_four(
    first: object, second: Any, third: Any, fourth: object, test: Callable[[object], bool]
) -> Callable[[object, object], bool]:
    def judge(body: Any, _: object) -> bool:
        value = body.get(first)
        if type(value) is dict:
            value = value.get(second)
            if type(value) is dict:
                value = value.get(third)
                if type(value) is dict:
                    return test(value.get(fourth, MISSING))
        return test(MISSING)

    return judge


def _walk(segments: Segments) -> Callable[[object], object]:
    def read(value: object) -> Any:
        for segment in segments:
            if type(value) is dict:
                value = value.get(segment, MISSING) if type(segment) is str else MISSING
            elif type(value) is list and type(segment) is int and segment < len(value):
                value = value[segment]
            else:
                return MISSING
        return value

    return read


def every(segments: Segments, test: Callable[[object], bool], missing_array: bool) -> Callable[[Any], bool]:
    """Return whether every value that a path with `[*]` selects passes; an empty array does, an absent one is `missing_array`."""
    head, rest = head_and_rest(segments)
    if rest is None:
        read_leaf = getter(segments) if segments else None
        return test if read_leaf is None else lambda value: test(read_leaf(value))
    read = getter(head) if head else None
    inner = every(rest, test, missing_array) if rest else test

    def judge(value: object) -> bool:
        found = value if read is None else read(value)
        return all(map(inner, found)) if type(found) is list else missing_array

    return judge
