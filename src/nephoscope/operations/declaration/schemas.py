"""Common schemas of operations: errors, names, pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from nephoscope.operations.declaration.request_field import describe

Id = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)", description="An id.")
]
Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$(?!\n)",
        description="A name.",
        min_length=1,
        max_length=128,
    ),
]
#: No control characters: what is sent ends up in lists and lines of the log.
PLAIN = r"^[^\u0000-\u001f\u007f-\u009f]*$(?!\n)"
Text = Annotated[str, msgspec.Meta(max_length=500, pattern=PLAIN)]
#: A value of JSON of any type: no `object`, of which msgspec makes no schema.
AnyJson: TypeAlias = Any
One = TypeVar("One")
Kept = TypeVar("Kept", bound="Shape")


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A request or answer: camelCase outside, and nothing that is not described."""


class ErrorDetail(Shape, frozen=True, kw_only=True):
    """The cause of an error: Azure's code, a sentence, and where in the request."""

    code: str
    message: str
    target: str | msgspec.UnsetType = msgspec.UNSET


class Error(Shape, frozen=True, kw_only=True):
    """The answer to what could not be done."""

    error: ErrorDetail


class InWorkspace(Shape, frozen=True, kw_only=True):
    """A request about one workspace."""

    workspace: Annotated[
        str, describe("Workspace to use.", option="--workspace,-w", metavar="NAME", max_length=128)
    ] = "default"


class PageQuery(Shape, frozen=True, kw_only=True):
    """The page of a list; a command lists all."""

    top: Annotated[int, describe("Maximum number of items.", option="", ge=1, le=1000)] = 100
    after: Annotated[str, describe("`next` of the previous page.", option="", max_length=300)] = ""


def slice_page(
    items: Iterable[One], key: Callable[[One], str], asked: PageQuery
) -> tuple[tuple[One, ...], str]:
    """A page of items in the order of a key that each has alone, and where the next begins ('' = it is the last)."""
    rest = sorted((one for one in items if key(one) > asked.after), key=key)
    page = tuple(rest[: asked.top])
    return page, key(page[-1]) if len(rest) > asked.top else ""


def to_shape(shape: type[Kept], source: object, **given: object) -> Kept:
    """Return a Shape with what an object has under the same names; enumerations become their values, `given` goes before.

    For Shapes of answers: what is kept is shown, whatever bounds the request had.
    """
    names = {one.name: one.encode_name for one in msgspec.structs.fields(shape)}
    values = given | {name: getattr(source, name) for name in names if name not in given}
    plain = {names[name]: one.value if isinstance(one, Enum) else one for name, one in values.items()}
    return msgspec.convert(plain, shape, from_attributes=True)
