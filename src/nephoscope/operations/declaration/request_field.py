"""Request fields: what a Shape declares of a field, as command options and the fields of forms need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, inspect


class FieldKind(StrEnum):
    """Kinds of fields, by how a person gives them."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind
    NUMBER = "number"
    WHOLE = "whole"
    YES_NO = "yes-no"
    CHOICE = "choice"
    BLOCK = "block"
    LIST = "list"
    TIME = "time"
    PAIRS = "pairs"
    SECRETS = "secrets"
    PATH = "path"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RequestField:
    """A field of a request: `label` and `help` are for people, `option` and `metavar` for the command line ('' = it has no option).

    `argument` says that the command takes it as a word of its own. `none_option` gives null, with its own `none_help`. `default` is
    None where there is none, or nothing to be shown. `change`: what is left out stays as it is. `inner` are the fields of a request
    within the request, whose type is `shape`. `path` says that it, or each of a list, is a place on the machine of the command: a
    "file", or "any" of files and folders. `whole`: a list of whole numbers. A `hidden` value is never
    shown again: it is a secret, or may contain some.
    """

    name: str
    kind: FieldKind
    label: str
    help: str
    option: str
    metavar: str
    none_option: str = ""
    none_help: str = ""
    argument: bool = False
    required: bool = False
    change: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    group: str = ""
    hidden: bool = False
    inner: tuple[RequestField, ...] = ()
    shape: type | None = None
    path: str = ""
    whole: bool = False


def describe(
    text: str,
    *,
    label: str = "",
    option: str | None = None,
    metavar: str = "",
    none: tuple[str, str] = ("", ""),
    argument: bool = False,
    secret: bool = False,
    block: bool = False,
    group: str = "",
    path: str = "",
    **bounds: Any,
) -> msgspec.Meta:
    """Say what a field is, with bounds of msgspec.Meta and how faces show it.

    `block` is a text of several lines, `group` the heading above it and what follows in a form. Its label is its name where none is
    given, and so is its option; '' = the command line has none, several words are separated by commas. `none` is the option that gives
    null, and its help. A `secret` is stored encrypted: the command line takes its place; of several, by their names. A block that is
    `secret` contains some. A `path` is a place on the machine, which only an operation without a request of the API can take.
    """
    shown = {
        "label": label,
        "metavar": metavar,
        "argument": argument,
        "secret": secret,
        "block": block,
        "group": group,
        "path": path,
        "none": none if none[0] else None,
    }
    extra = {name: one for name, one in shown.items() if one} | ({} if option is None else {"option": option})
    return msgspec.Meta(description=text, extra=extra, **bounds)


def request_fields(shape: Any) -> tuple[RequestField, ...]:
    """The fields of a Shape in their order."""
    known, hints = inspect.type_info(shape), get_type_hints(shape, include_extras=True)
    fields = known.fields if isinstance(known, inspect.StructType) else ()
    return tuple(_request_field(one, hints[one.name]) for one in fields)


def build_parameter_field(name: str, type_: Any) -> RequestField:
    """A parameter that stands by itself, as a field that must be given."""
    return _build_field(name, inspect.type_info(type_), type_, required=True)


def _request_field(one: inspect.Field, hint: Any) -> RequestField:
    shown = one.default not in (NODEFAULT, UNSET, "", ()) and not isinstance(one.default, msgspec.Struct)
    default = one.default if shown else None
    change = not one.required and one.default is NODEFAULT and one.default_factory is NODEFAULT
    return _build_field(one.name, one.type, hint, required=one.required, change=change, default=default)


def _build_field(name: str, type_: inspect.Type, hint: Any, **known: Any) -> RequestField:
    layers = list(_list_layers(type_))
    shown: dict[str, Any] = {}
    help_ = ""
    for one in reversed(layers):
        if isinstance(one, inspect.Metadata):
            shown |= one.extra or {}
            help_ = (one.extra_json_schema or {}).get("description", help_)
    base = layers[-1]
    kind = _find_kind(base, shown)
    inner = request_fields(base.cls) if isinstance(base, inspect.StructType) else ()
    bound = base if isinstance(base, inspect.IntType | inspect.FloatType) else None
    named = "" if inner and kind is FieldKind.OTHER else f"--{name.replace('_', '-')}"
    none_option, none_help = shown.get("none", ("", ""))
    return RequestField(
        name=name, kind=kind, inner=inner, shape=getattr(base, "cls", None),
        label=shown.get("label", name.replace("_", " ").capitalize()), help=help_,
        option=shown.get("option", named), metavar=shown.get("metavar", ""),
        none_option=none_option, none_help=none_help, argument=bool(shown.get("argument")), choices=tuple(_list_choices(hint)),
        least=bound.ge if bound else None, most=bound.le if bound else None,
        group=str(shown.get("group", "")), hidden=bool(shown.get("secret")), path=str(shown.get("path", "")),
        whole=isinstance(base, inspect.VarTupleType) and isinstance(base.item_type, inspect.IntType), **known,
    )  # fmt: skip


def _list_layers(type_: inspect.Type) -> Iterator[inspect.Type]:
    """The type and what it is wrapped in, outermost first; of a union that may be null, the other."""
    if isinstance(type_, inspect.Metadata):
        yield type_
        yield from _list_layers(type_.type)
    elif isinstance(type_, inspect.UnionType):
        several = [one for one in type_.types if not isinstance(one, inspect.NoneType)]
        yield from _list_layers(several[0]) if len(several) == 1 else iter((type_,))
    else:
        yield type_


def _find_kind(base: inspect.Type, shown: Mapping[str, object]) -> FieldKind:
    kinds: dict[type[inspect.Type], FieldKind] = {
        inspect.BoolType: FieldKind.YES_NO, inspect.IntType: FieldKind.WHOLE, inspect.FloatType: FieldKind.NUMBER,
        inspect.LiteralType: FieldKind.CHOICE, inspect.VarTupleType: FieldKind.LIST, inspect.DateTimeType: FieldKind.TIME,
        inspect.StrType: FieldKind.TEXT, inspect.DictType: FieldKind.PAIRS, inspect.CustomType: FieldKind.PATH,
    }  # fmt: skip
    if shown.get("block"):
        return FieldKind.BLOCK
    if shown.get("secret"):
        return FieldKind.SECRET if isinstance(base, inspect.StrType) else FieldKind.SECRETS
    return kinds.get(type(base), FieldKind.OTHER)


def _list_choices(hint: Any) -> Iterator[str]:
    """The words of a Literal in their order, which msgspec does not keep."""
    if get_origin(hint) is Literal:
        yield from map(str, get_args(hint))
    else:
        for one in get_args(hint):
            yield from _list_choices(one)
