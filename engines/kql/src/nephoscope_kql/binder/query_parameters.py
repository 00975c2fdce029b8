"""Query parameters: values of declared parameters and options that a request passes beside the query text.

A value never becomes text of the query: it is read as one literal, so that nothing in it can be a command.

Source: https://learn.microsoft.com/kusto/query/query-parameters-statement, https://learn.microsoft.com/kusto/api/rest/request-properties
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from nephoscope_kql import tree
from nephoscope_kql.errors import KqlError, make_invalid_error
from nephoscope_kql.known_options import ACTIVE, COLUMN, MOST, NOW
from nephoscope_kql.parser import parse
from nephoscope_kql.types import KqlType

#: What may stand inside `type(...)` without its own quotes.
_BARE = re.compile(r"[^()'\"\\;|]*")


@dataclass(frozen=True, slots=True)
class RequestProperties:
    """`parameters` by name and `options` by name, each value as JSON has it; a text is a literal of KQL, or a string itself."""

    parameters: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Return whether neither changes what a query gives."""
        return not self.parameters and not self._list_settings()

    def bind_parameters(self, query: tree.Query) -> tree.Query:
        """A query with these values; what its own text sets holds before them. KqlError for a value of another type."""
        return replace(
            query,
            statements=(*self._list_settings(), *(self._set_parameters(one) for one in query.statements)),
        )

    def _list_settings(self) -> tuple[tree.Statement, ...]:
        known = ((name.lower(), value) for name, value in self.options.items() if value is not None)
        return tuple(
            tree.Set(name=name, value=_parse_option(name, value)) for name, value in known if name in ACTIVE
        )

    def _set_parameters(self, statement: tree.Statement) -> tree.Statement:
        if not isinstance(statement, tree.QueryParameters):
            return statement
        return replace(
            statement, parameters=tuple(self._build_parameter(one) for one in statement.parameters)
        )

    def _build_parameter(self, declared: tree.LambdaParameter) -> tree.LambdaParameter:
        value = self.parameters.get(declared.name)
        if value is None or declared.type is None:
            return declared
        found = make_literal(declared.type, value)
        if found is None:
            problem = f"the value of the query parameter '{declared.name}' is no {declared.type.value}"
            raise make_invalid_error(problem, declared.span)
        return replace(declared, default=replace(found, span=declared.span))


def _parse_option(name: str, value: object) -> tree.Expression:
    """The value of an option: the literal that a text is, else the text."""
    found = _read_literal(_format_value(value)) if name != COLUMN else None
    return found or tree.Literal(type=KqlType.STRING, value=_format_value(value))


def check_option(statement: tree.Set) -> None:
    """KqlError where query_now is no moment, or query_take_max_records no whole number above 0; what is computed is not looked at."""
    value = statement.value
    if isinstance(value, tree.Name):
        value = tree.Literal(type=KqlType.STRING, value=value.name)
    if not isinstance(value, tree.Literal | tree.Unary):
        return
    if statement.name in NOW and not _is_moment(value):
        raise make_invalid_error(f"{statement.name} is a datetime", statement.span)
    if statement.name == MOST and not _is_count(value):
        raise make_invalid_error(f"{statement.name} is a whole number above 0", statement.span)


def _is_moment(value: tree.Literal | tree.Unary) -> bool:
    if isinstance(value, tree.Literal) and value.type == KqlType.STRING:
        found = make_literal(KqlType.DATETIME, value.value)
        return isinstance(found, tree.Literal) and found.value is not None
    return isinstance(value, tree.Literal) and value.type == KqlType.DATETIME and value.value is not None


def _is_count(value: tree.Literal | tree.Unary) -> bool:
    return (
        isinstance(value, tree.Literal)
        and value.type.is_integer
        and isinstance(value.value, int)
        and value.value > 0
    )


def make_literal(type_: KqlType, value: object) -> tree.Literal | tree.Unary | None:
    """A value as a literal, or signed literal, of a type; None where it is none."""
    text = _format_value(value)
    if type_ == KqlType.STRING:
        return tree.Literal(type=type_, value=text)
    found = _read_literal(text)
    if found is not None and _has_type(found, type_):
        return found
    if type_ == KqlType.DYNAMIC or _BARE.fullmatch(text):
        found = _read_literal(f"{type_.value}({text})")
    return found if found is not None and _has_type(found, type_) else None


def _has_type(found: tree.Literal | tree.Unary, type_: KqlType) -> bool:
    inner = found.operand if isinstance(found, tree.Unary) else found
    if not isinstance(inner, tree.Literal):
        return False
    whole = type_.is_integer and not inner.type.is_integer
    return inner.type == type_ or (inner.type.is_numeric and type_.is_numeric and not whole)


def _read_literal(text: str) -> tree.Literal | tree.Unary | None:
    """The one literal, or signed literal, that a text is; None where it is anything else."""
    try:
        statements = parse(text).statements
    except KqlError:
        return None
    one = statements[0] if len(statements) == 1 else None
    value = one.value if isinstance(one, tree.Evaluation) else None
    if isinstance(value, tree.Pipe) and value.source is not None and not value.operators:
        value = value.source
    if isinstance(value, tree.Unary):
        return value if isinstance(value.operand, tree.Literal) else None
    return value if isinstance(value, tree.Literal) else None


def _format_value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
