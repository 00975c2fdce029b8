"""Numeric format strings, standard and custom, in the invariant culture."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal

import msgspec

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.value import render_number

_STANDARD = re.compile(r"([A-Za-z])([0-9]{0,3})")
_EXACT = Context(prec=1400, rounding=ROUND_HALF_UP)


def format_number(number: float, spec: str) -> str:
    """A number in a format such as `N2`, `D5`, `X`, `0.00` or `#,##0`; raises FunctionError for a format .NET rejects."""
    match = _STANDARD.fullmatch(spec)
    if match is None:
        return _format_custom(number, spec)
    kind, digits = match[1], match[2]
    writer = _WRITERS.get(kind.upper())
    if writer is None:
        raise FunctionError(f"the number format {spec!r} is not known")
    return writer(number, int(digits) if digits else None, kind)


def round_half_away(number: Decimal, digits: int) -> Decimal:
    """The number with that many decimals; a half goes away from zero."""
    return number.quantize(Decimal(1).scaleb(-digits), context=_EXACT)


def _format_sign(number: Decimal) -> str:
    return "-" if number < 0 else ""


def _format_fixed(number: float, digits: int | None, _: str) -> str:
    value = round_half_away(Decimal(number), 2 if digits is None else digits)
    return _format_sign(value) + format(abs(value), "f")


def _format_grouped(number: float, digits: int | None, _: str) -> str:
    value = round_half_away(Decimal(number), 2 if digits is None else digits)
    return _format_sign(value) + format(abs(value), ",f")


def _format_percent(number: float, digits: int | None, _: str) -> str:
    value = round_half_away(Decimal(number) * 100, 2 if digits is None else digits)
    return f"{_format_sign(value)}{format(abs(value), ',f')} %"


def _format_currency(number: float, digits: int | None, _: str) -> str:
    value = round_half_away(Decimal(number), 2 if digits is None else digits)
    amount = f"\u00a4{format(abs(value), ',f')}"
    return f"({amount})" if value < 0 else amount


def _format_decimal(number: float, digits: int | None, kind: str) -> str:
    _require_integer(number, kind)
    return f"{'-' if number < 0 else ''}{abs(int(number)):0{max(digits or 0, 1)}d}"


def _format_hexadecimal(number: float, digits: int | None, kind: str) -> str:
    _require_integer(number, kind)
    return format(int(number) & (1 << 64) - 1, f"0{max(digits or 0, 1)}{kind}")


def _format_binary(number: float, digits: int | None, kind: str) -> str:
    _require_integer(number, kind)
    return format(int(number) & (1 << 64) - 1, f"0{max(digits or 0, 1)}b")


def _require_integer(number: float, kind: str) -> None:
    if not isinstance(number, int):
        raise FunctionError(f"the format {kind} takes integers only")


def _format_exponential(number: float, digits: int | None, kind: str) -> str:
    mantissa, exponent = _split_scientific(Decimal(number), 6 if digits is None else digits)
    return f"{mantissa}{kind}{'-' if exponent < 0 else '+'}{abs(exponent):03d}"


def _split_scientific(value: Decimal, digits: int) -> tuple[str, int]:
    if not value:
        return format(round_half_away(Decimal(0), digits), "f"), 0
    exponent = value.adjusted()
    mantissa = round_half_away(value.scaleb(-exponent, _EXACT), digits)
    if abs(mantissa) >= 10:
        mantissa, exponent = round_half_away(mantissa.scaleb(-1, _EXACT), digits), exponent + 1
    return format(mantissa, "f"), exponent


def _format_general(number: float, digits: int | None, kind: str) -> str:
    if not digits:
        return render_number(number)
    value = Context(prec=digits, rounding=ROUND_HALF_UP).plus(Decimal(number))
    if -5 <= value.adjusted() < digits or not value:
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = _split_scientific(value, digits - 1)
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}{'E' if kind == 'G' else 'e'}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _format_round_trip(number: float, _: int | None, __: str) -> str:
    return render_number(number)


_WRITERS: dict[str, Callable[[float, int | None, str], str]] = {
    "B": _format_binary,
    "C": _format_currency,
    "D": _format_decimal,
    "E": _format_exponential,
    "F": _format_fixed,
    "G": _format_general,
    "N": _format_grouped,
    "P": _format_percent,
    "R": _format_round_trip,
    "X": _format_hexadecimal,
}

_PART = re.compile(
    r"'(?P<q1>[^']*)'?|\"(?P<q2>[^\"]*)\"?|\\(?P<escaped>.?)|(?P<exponent>[eE][+-]?0+)|(?P<one>.)", re.DOTALL
)


class _Section(msgspec.Struct):
    """A section of a custom format: literal pieces and digit places in order, and what they mean together."""

    parts: list[tuple[str, str]] = msgspec.field(default_factory=list)
    whole: list[str] = msgspec.field(default_factory=list)
    fraction: list[str] = msgspec.field(default_factory=list)
    point: bool = False
    grouping: bool = False
    thousands: int = 0
    scale: int = 0
    exponent: str = ""

    def add(self, kind: str, text: str) -> None:
        """Take the next piece of the format."""
        if kind == "exponent" and not self.exponent:
            self.exponent = text
            self.parts.append(("exponent", text))
        elif kind == "one" and text in "0#":
            self._add_digit(text)
        elif kind == "one" and text == ".":
            if not self.point:
                self.point = True
                self.parts.append(("point", "."))
        elif kind == "one" and text == ",":
            self.thousands += not self.point
        else:
            self.scale += {"%": 2, "\u2030": 3}.get(text, 0) if kind == "one" else 0
            self.parts.append(("text", text))

    def _add_digit(self, text: str) -> None:
        if self.point:
            self.fraction.append(text)
            self.parts.append(("fraction", text))
            return
        if self.thousands and self.whole:
            self.grouping = True
        self.thousands = 0
        self.whole.append(text)
        self.parts.append(("whole", text))


def _parse_sections(spec: str) -> list[_Section]:
    found = [_Section()]
    for match in _PART.finditer(spec):
        if match["one"] == ";":
            found.append(_Section())
        else:
            kind = match.lastgroup or ""
            found[-1].add(kind, match[kind])
    return found


def _format_custom(number: float, spec: str) -> str:
    sections = _parse_sections(spec)
    value = Decimal(repr(number) if isinstance(number, float) else number)
    section, signed = sections[0], value < 0
    if value < 0 and len(sections) > 1 and sections[1].parts:
        section, signed = sections[1], False
    elif value == 0 and len(sections) > 2 and sections[2].parts:
        section = sections[2]
    digits, exponent = _scale_value(abs(value), section)
    if not any(character in "123456789" for character in digits):
        signed = False
        if value and len(sections) > 2 and sections[2].parts:
            section = sections[2]
            digits, exponent = _scale_value(Decimal(0), section)
    return ("-" if signed else "") + _fill_digits(section, digits, exponent)


def _scale_value(value: Decimal, section: _Section) -> tuple[str, int]:
    places = len(section.fraction)
    if not section.exponent:
        scaled = value.scaleb(section.scale - 3 * section.thousands, _EXACT)
        return format(round_half_away(scaled, places), "f"), 0
    width = max(len(section.whole), 1)
    shift = value.adjusted() - width + 1 if value else 0
    mantissa = round_half_away(value.scaleb(-shift, _EXACT), places)
    if mantissa.adjusted() + 1 > width and mantissa:
        shift += 1
        mantissa = round_half_away(value.scaleb(-shift, _EXACT), places)
    return format(mantissa, "f"), shift


def _fill_digits(section: _Section, digits: str, exponent: int) -> str:
    whole, _, fraction = digits.partition(".")
    places = _fill_integer_digits(section, "" if whole == "0" else whole)
    kept = _trim_fraction(section, fraction)
    result: list[str] = []
    decimals = 0
    for kind, text in section.parts:
        if kind == "whole":
            result.append(places.pop(0))
        elif kind == "point":
            result.append("." if kept else "")
        elif kind == "fraction":
            result.append(kept[decimals : decimals + 1])
            decimals += 1
        else:
            result.append(_format_exponent_text(text, exponent) if kind == "exponent" else text)
    return "".join(result)


def _fill_integer_digits(section: _Section, whole: str) -> list[str]:
    """The digits for each digit place left of the point; the first place takes all surplus digits."""
    marks = section.whole
    zeros = len(marks) - marks.index("0") if "0" in marks else 0
    text = whole.rjust(zeros, "0")
    cells = [_with_comma(text, place, grouping=section.grouping) for place in range(len(text))]
    surplus = len(cells) - len(marks)
    if surplus > 0 and marks:
        cells = ["".join(cells[: surplus + 1]), *cells[surplus + 1 :]]
    return [""] * (len(marks) - len(cells)) + cells


def _with_comma(text: str, place: int, *, grouping: bool) -> str:
    comma = grouping and place > 0 and (len(text) - place) % 3 == 0
    return ("," if comma else "") + text[place]


def _trim_fraction(section: _Section, fraction: str) -> str:
    marks = section.fraction
    needed = len(marks) - marks[::-1].index("0") if "0" in marks else 0
    return fraction[:needed] + fraction[needed:].rstrip("0")


def _format_exponent_text(mark: str, exponent: int) -> str:
    sign = "-" if exponent < 0 else "+" if "+" in mark else ""
    return f"{mark[0]}{sign}{abs(exponent):0{mark.count('0')}d}"
