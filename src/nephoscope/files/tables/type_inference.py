"""The KQL type of a column of texts or JSON values, and the column in that type; a value that does not fit makes it a string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType

_LONG = r"^-?(0|[1-9]\d{0,18})$"
_REAL = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"
_BOOL = r"^(?i:true|false)$"
_SPAN = r"^-?(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{1,7})?$"
_TIME = (
    r"^(?P<day>\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))"
    r"(?:[T ](?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"\s?(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?$"
)
_DIGITS = 7
"""Decimal places of a second that ticks have."""
Column = tuple[KqlType, pa.Array]


def infer_from_texts(texts: pa.Array) -> Column:
    """The type that all texts of a CSV column that are not empty have, and the column: null where empty, but '' in a string.

    A number with leading zeros or a sign + is a text, so are codes; a date is ISO 8601; a dynamic is an object or array in JSON.
    """
    filled = texts.filter(pc.not_equal(texts, ""))
    if not len(filled):
        return KqlType.STRING, texts
    for kind, pattern in ((KqlType.BOOL, _BOOL), (KqlType.LONG, _LONG), (KqlType.REAL, _REAL)):
        if _do_all_match(filled, pattern):
            found = convert_texts(texts, kind)
            if found is not None:
                return kind, found
    for kind, pattern in ((KqlType.DATETIME, _TIME), (KqlType.TIMESPAN, _SPAN)):
        if _do_all_match(filled, pattern):
            found = convert_texts(texts, kind)
            if found is not None:
                return kind, found
    if _do_all_match(filled, r"^\s*[\[{]") and all(_is_json(text) for text in filled.to_pylist()):
        return KqlType.DYNAMIC, _build_null_if_empty(texts)
    return KqlType.STRING, texts


def _do_all_match(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return True


def _build_null_if_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)


def convert_texts(texts: pa.Array, kind: KqlType) -> pa.Array | None:
    """Texts as a type's values, None where one of them is none; empty is null. Times and timespans are ticks, a dynamic stays text."""
    if kind in (KqlType.STRING, KqlType.GUID):
        return texts
    filled = _build_null_if_empty(texts)
    if kind == KqlType.DYNAMIC:
        return filled
    if kind == KqlType.DATETIME:
        return _parse_ticks(filled)
    if kind == KqlType.TIMESPAN:
        return _parse_spans(filled)
    wanted = _ARROW[kind]
    try:
        return filled.cast(wanted) if kind != KqlType.BOOL else pc.equal(pc.utf8_lower(filled), "true")
    except pa.ArrowInvalid:
        return None


_ARROW = {
    KqlType.BOOL: pa.bool_(),
    KqlType.INT: pa.int32(),
    KqlType.LONG: pa.int64(),
    KqlType.REAL: pa.float64(),
    KqlType.DECIMAL: pa.decimal128(38, 17),
}


def _parse_ticks(texts: pa.Array) -> pa.Array | None:
    """ISO 8601 in ticks: without a zone it is UTC, more than seven decimal places are cut."""
    parts = pc.extract_regex(texts, _TIME)
    if parts.null_count != texts.null_count:
        return None
    part = dict(zip(_list_group_names(_TIME), parts.flatten(), strict=True))
    try:
        days = part["day"].cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    seconds = pc.multiply(days, 86_400)
    for name, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        seconds = pc.add(seconds, pc.multiply(_parse_numbers(part[name]), size))
    seconds = pc.subtract(seconds, _parse_offsets(part["zone"]))
    ticks = pc.add(pc.multiply(seconds, 10**_DIGITS), _parse_fractions(part["fraction"]))
    return pc.add(ticks, UNIX_EPOCH_TICKS)


def _list_group_names(pattern: str) -> list[str]:
    return [piece.split(">", 1)[0] for piece in pattern.split("(?P<")[1:]]


def _parse_numbers(texts: pa.Array) -> pa.Array:
    """Digits as a number, 0 where there are none."""
    return pc.if_else(pc.equal(texts, ""), "0", texts).cast(pa.int64())


def _parse_fractions(texts: pa.Array) -> pa.Array:
    padded = pc.utf8_rpad(pc.utf8_slice_codeunits(texts, 0, _DIGITS), _DIGITS, padding="0")
    return padded.cast(pa.int64())


def _parse_offsets(zones: pa.Array) -> pa.Array:
    """Seconds east of UTC."""
    plain = pc.replace_substring(zones, ":", "")
    signed = pc.match_substring_regex(plain, r"^[+-]\d{4}$")
    digits = pc.if_else(signed, pc.utf8_slice_codeunits(plain, 1, 5), "0000")
    size = pc.add(
        pc.multiply(pc.utf8_slice_codeunits(digits, 0, 2).cast(pa.int64()), 3600),
        pc.multiply(pc.utf8_slice_codeunits(digits, 2, 4).cast(pa.int64()), 60),
    )
    return pc.if_else(pc.starts_with(plain, "-"), pc.negate(size), size)


_SPAN_PARTS = (
    r"^(?P<sign>-?)(?:(?P<days>\d{1,7})\.)?(?P<hours>\d{2}):(?P<minutes>\d{2}):(?P<seconds>\d{2})"
    r"(?:\.(?P<fraction>\d{1,7}))?$"
)


def _parse_spans(texts: pa.Array) -> pa.Array | None:
    parts = pc.extract_regex(texts, _SPAN_PARTS)
    if parts.null_count != texts.null_count:
        return None
    part = dict(zip(_list_group_names(_SPAN_PARTS), parts.flatten(), strict=True))
    seconds: object = pc.multiply(_parse_numbers(part["days"]), 86_400)
    for name, size in (("hours", 3600), ("minutes", 60), ("seconds", 1)):
        seconds = pc.add(seconds, pc.multiply(_parse_numbers(part[name]), size))
    ticks = pc.add(pc.multiply(seconds, 10**_DIGITS), _parse_fractions(part["fraction"]))
    return pc.if_else(pc.equal(part["sign"], "-"), pc.negate(ticks), ticks)


def infer_from_values(values: Sequence[Any]) -> Column:
    """The type of a column of JSON values: bool, long, real, datetime or string where all agree, else dynamic."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        texts = pa.array(["" if value is None else value for value in values], pa.string())
        times = _do_all_match(texts.filter(pc.not_equal(texts, "")), _TIME) if kinds else False
        ticks = convert_texts(texts, KqlType.DATETIME) if times else None
        return (KqlType.STRING, texts) if ticks is None else (KqlType.DATETIME, ticks)
    if kinds == {bool}:
        return KqlType.BOOL, pa.array(values, pa.bool_())
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return KqlType.LONG, pa.array(values, pa.int64())
    if kinds <= {int, float} and bool not in kinds:
        return KqlType.REAL, pa.array([None if value is None else float(value) for value in values])
    return KqlType.DYNAMIC, encode_dynamics(values)


def encode_dynamics(values: Sequence[object]) -> pa.Array:
    """JSON values as JSON texts."""
    return pa.array(
        [None if value is None else msgspec.json.encode(value).decode() for value in values], pa.string()
    )


def convert_values(values: Sequence[object], kind: KqlType) -> pa.Array | None:
    """JSON values in a type that was declared; None where one of them is none."""
    if kind == KqlType.DYNAMIC:
        return encode_dynamics(values)
    texts = pa.array([_to_text(value) for value in values], pa.string())
    return convert_texts(texts, kind)


def _to_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
