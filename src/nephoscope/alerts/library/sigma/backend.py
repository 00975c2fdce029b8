"""pySigma's Kusto backend, made to fit the columns of a table: what they hold, and what they are called.

Beyond the backend as it comes: numbers and texts are compared as the column's type asks; a wildcard within a value is a pattern,
not two searches; `cased`, references to fields, IPv6 ranges and keywords are written; an absent field is empty, whatever its type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from sigma.backends.kusto.kusto import KustoBackend
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.conversion.state import ConversionState
from sigma.exceptions import SigmaTransformationError
from sigma.processing.pipeline import ProcessingPipeline
from sigma.types import SigmaCIDRExpression, SigmaCompareExpression, SigmaNumber, SigmaString, SpecialChars

from nephoscope_kql.types import KqlType

NUMBERS = frozenset({KqlType.INT, KqlType.LONG, KqlType.REAL, KqlType.DECIMAL})
_STEP = re.compile(r"\w+(?:\[\d+\])*", re.ASCII)


class NoColumnError(SigmaTransformationError):  # type: ignore[misc, unused-ignore]
    """A field of a rule that the table does not have."""

    def __init__(self, table: str, column: str) -> None:
        super().__init__(f"{table} has no column {column}")
        self.column = column


class TableBackend(KustoBackend):
    """The backend for rules over one table with columns of known types."""

    field_null_expression: ClassVar[str] = "isempty({field})"
    unbound_value_str_expression: ClassVar[str] = "* contains {value}"
    unbound_value_num_expression: ClassVar[str] = '* contains "{value}"'
    wildcard_match_expression: ClassVar[str | None] = '{field} matches regex "(?is)^{regex}$"'
    case_sensitive_match_expression: ClassVar[str | None] = "{field} == {value}"
    case_sensitive_startswith_expression: ClassVar[str | None] = "{field} startswith_cs {value}"
    case_sensitive_endswith_expression: ClassVar[str | None] = "{field} endswith_cs {value}"
    case_sensitive_contains_expression: ClassVar[str | None] = "{field} contains_cs {value}"
    field_equals_field_expression: ClassVar[str | None] = "{field1} =~ {field2}"
    field_equals_field_startswith_expression: ClassVar[str | None] = "{field1} startswith {field2}"
    field_equals_field_endswith_expression: ClassVar[str | None] = "{field1} endswith {field2}"
    field_equals_field_contains_expression: ClassVar[str | None] = "{field1} contains {field2}"

    def __init__(
        self,
        pipeline: ProcessingPipeline,
        table: str,
        types: Mapping[str, KqlType],
        *,
        event_data: bool = False,
    ) -> None:
        super().__init__(processing_pipeline=pipeline)
        self._table, self._types, self._event_data = table, types, event_data
        self._lowered = {name.lower(): name for name in types}
        self._nullable = 0

    def find_column(self, field: str) -> tuple[str, KqlType]:
        """The column, or the member of a dynamic one, that a field means, with its type; NoColumnError where there is none."""
        for name in (field, field.replace(".", ""), field.replace("_", "")):
            if found := self._lowered.get(name.lower()):
                return found, self._types[found]
        head, *rest = field.split(".")
        bare, bracket, places = head.partition("[")
        base = self._lowered.get(bare.lower())
        if (rest or bracket) and base is not None and self._types[base] is KqlType.DYNAMIC:
            steps = [f".{one}" if _STEP.fullmatch(one) else f"[{_quote_text(one)}]" for one in rest]
            return f"{base}{bracket}{places}{''.join(steps)}", KqlType.DYNAMIC
        if self._event_data and re.fullmatch(r"\w+", field):
            return f"_EventDatum('{field}', EventData, dynamic(null))", KqlType.STRING
        raise NoColumnError(self._table, field)

    def escape_and_quote_field(self, field_name: str) -> str:
        """The field as a text: what all comparisons of texts are written with."""
        column, kind = self.find_column(field_name)
        return column if kind is KqlType.STRING else f"tostring({column})"

    def convert_condition_field_eq_val_num(
        self,
        cond: ConditionFieldEqualsValueExpression,
        state: ConversionState,  # noqa: ARG002 - the backend's signature
    ) -> str:
        """A number: compared as one where the column holds numbers, else as text."""
        column, kind = self.find_column(cond.field)
        if kind in NUMBERS:
            self._nullable += 1
            return f"{column} == {cond.value}"
        return f'{self.escape_and_quote_field(cond.field)} == "{cond.value}"'

    def convert_condition_field_eq_val_bool(
        self,
        cond: ConditionFieldEqualsValueExpression,
        state: ConversionState,  # noqa: ARG002 - the backend's signature
    ) -> str:
        """True or false."""
        column, kind = self.find_column(cond.field)
        word = str(cond.value).lower()
        self._nullable += kind is KqlType.BOOL
        return (
            f"{column} == {word}"
            if kind is KqlType.BOOL
            else f'{self.escape_and_quote_field(cond.field)} =~ "{word}"'
        )

    def convert_condition_not(self, cond: ConditionNOT, state: ConversionState) -> Any:
        """Return what does not hold; a comparison with what is not there is null in KQL, in Sigma it does not hold."""
        before = self._nullable
        text = super().convert_condition_not(cond, state)
        if self._nullable == before or not isinstance(text, str):
            return text
        return f"not(coalesce({text.removeprefix('not(').removesuffix(')')}, false))"

    def convert_condition_as_in_expression(
        self, cond: ConditionOR | ConditionAND, state: ConversionState
    ) -> str:
        """Several values of one field: plain ones as a list, those with wildcards one by one."""
        several = cast("list[ConditionFieldEqualsValueExpression]", cond.args)
        field = several[0].field
        plain = [one for one in several if isinstance(cond, ConditionOR) and _is_plain_value(one.value)]
        parts = [self._write_list(field, plain, state)] if len(plain) > 1 else []
        rest = [one for one in several if not parts or not _is_plain_value(one.value)]
        parts += [str(self.convert_condition_field_eq_val(one, state)) for one in rest]
        word = " or " if isinstance(cond, ConditionOR) else " and "
        return parts[0] if len(parts) == 1 else f"({word.join(parts)})"

    def _write_list(self, field: str, conditions: list[Any], state: ConversionState) -> str:
        column, kind = self.find_column(field)
        values = [one.value for one in conditions]
        if kind in NUMBERS and all(isinstance(one, SigmaNumber) for one in values):
            self._nullable += 1
            return f"{column} in ({', '.join(map(str, values))})"
        words = [
            f'"{one}"' if isinstance(one, SigmaNumber) else self.convert_value_str(one, state)
            for one in values
        ]
        return f"{self.escape_and_quote_field(field)} in~ ({', '.join(words)})"

    def convert_condition_field_eq_val_str_case_sensitive(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> Any:
        """A value whose case counts; one with a wildcard within is a pattern."""
        value = cond.value
        if isinstance(value, SigmaString) and value[1:-1].contains_special():
            regex = self.convert_value_re(value.to_regex(self.add_escaped_re), state)
            return f'{self.escape_and_quote_field(cond.field)} matches regex "(?s)^{regex}$"'
        return super().convert_condition_field_eq_val_str_case_sensitive(cond, state)

    def convert_condition_field_eq_val_cidr(
        self,
        cond: ConditionFieldEqualsValueExpression,
        state: ConversionState,  # noqa: ARG002 - the backend's signature
    ) -> str:
        """An address in a range of either family."""
        assert isinstance(cond.value, SigmaCIDRExpression)
        self._nullable += 1
        family = cond.value.network.version
        return f'ipv{family}_is_in_range({self.escape_and_quote_field(cond.field)}, "{cond.value.network}")'

    def convert_condition_field_compare_op_val(
        self,
        cond: ConditionFieldEqualsValueExpression,
        state: ConversionState,  # noqa: ARG002 - the backend's signature
    ) -> str:
        """More or less than a number: what is a text is read as one."""
        assert isinstance(cond.value, SigmaCompareExpression)
        column, kind = self.find_column(cond.field)
        self._nullable += 1
        left = column if kind in NUMBERS else f"todouble({column})"
        return f"{left} {self.compare_operators[cond.value.op]} {cond.value.number}"

    def convert_condition_val_str(self, cond: ConditionValueExpression, state: ConversionState) -> Any:
        """A keyword: somewhere in the row."""
        value = cond.value
        assert isinstance(value, SigmaString)
        if value.startswith(SpecialChars.WILDCARD_MULTI):
            value = value[1:]
        if value.endswith(SpecialChars.WILDCARD_MULTI):
            value = value[:-1]
        if value.contains_special():
            raise NotImplementedError("a keyword with a wildcard within it")
        return super().convert_condition_val_str(ConditionValueExpression(value), state)

    def convert_condition_val_re(self, cond: ConditionValueExpression, state: ConversionState) -> str:
        """Nothing in KQL asks all columns for a pattern."""
        raise NotImplementedError("a keyword that is a regular expression")


def _is_plain_value(value: object) -> bool:
    return isinstance(value, SigmaNumber) or (isinstance(value, SigmaString) and not value.contains_special())


def _quote_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
