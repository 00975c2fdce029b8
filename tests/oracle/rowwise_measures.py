"""The witness's mathematics of single numbers."""

from __future__ import annotations

import math
import struct
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

from rowwise_functions import gives, kinds, typed
from rowwise_values import text, wrapped

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall

EXACT = Context(prec=80)


for _name, _body in {
    "exp2": lambda x: 2.0**x,
    "exp10": lambda x: 10.0**x,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "cot": lambda x: 1 / math.tan(x),
    "asin": lambda x: math.asin(x) if -1 <= x <= 1 else math.nan,
    "acos": lambda x: math.acos(x) if -1 <= x <= 1 else math.nan,
    "atan": math.atan,
    "atan2": math.atan2,
    "degrees": math.degrees,
    "radians": math.radians,
    "pi": lambda: math.pi,
    "binary_and": lambda x, y: x & y,
    "binary_or": lambda x, y: x | y,
    "binary_xor": lambda x, y: x ^ y,
    "binary_not": lambda x: ~x,
    "binary_shift_left": lambda x, y: wrapped(x << y % 64),
    "binary_shift_right": lambda x, y: x >> y % 64,
    "bitset_count_ones": lambda x: (x % 2**64).bit_count(),
}.items():
    gives(_name)(_body)


@gives("pow")
def power(base: float, exponent: float) -> float:
    try:
        return float(base**exponent) if base >= 0 or float(exponent).is_integer() else math.nan
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf if base > 0 or exponent % 2 == 0 else -math.inf


@gives("round")
def round_(value: Any, digits: int = 0) -> Any:
    """Half away from zero."""
    if isinstance(value, Decimal):
        return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, EXACT) if digits < 17 else value
    if not math.isfinite(value):
        return value
    scale = 10.0**digits
    scaled = abs(value) * scale
    if not math.isfinite(scaled):
        return value
    return math.copysign(math.floor(scaled + 0.5) / scale, value)


for _name, _body in {
    "isnan": lambda x: x is not None and x != x,
    "isinf": lambda x: x is not None and math.isinf(x),
    "isfinite": lambda x: x is not None and math.isfinite(x),
}.items():
    gives(_name, strict=False)(_body)


@gives("around")
def around(value: Any, centre: Any, away: Any) -> bool:
    return bool(centre - away <= value <= centre + away)


for _name, _body in {
    "gamma": lambda x: math.gamma(x) if x > 0 or x % 1 else math.nan,
    "loggamma": lambda x: math.lgamma(x) if x > 0 or x % 1 else math.inf,
    "erf": math.erf,
    "erfc": math.erfc,
}.items():
    gives(_name)(_body)


@typed("estimate_data_size")
def estimate_data_size(cells: list[Any], call: BoundCall, now: int) -> int:
    sizes = {"bool": 1, "int": 4, "decimal": 16}
    return sum(
        len(text(kind, cell).encode()) if kind in ("string", "dynamic", "guid") else sizes.get(kind, 8)
        for kind, cell in zip(kinds(call), cells, strict=True)
    )


@gives("format_bytes")
def format_bytes(size: float, precision: int = 0, unit: str = "") -> str:
    units = ["Bytes", "KB", "MB", "GB", "TB", "PB", "EB"]
    place = units.index(unit) if unit else 0
    while not unit and place < len(units) - 1 and abs(size) >= 1024.0 ** (place + 1):
        place += 1
    shown = f"{round_(size / 1024.0**place, precision):.{precision}f}"
    return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown} {units[place]}"


MASK = 2**64 - 1
PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def turned(value: int, bits: int) -> int:
    return (value << bits & MASK) | value >> (64 - bits)


def mixed(state: int, word: int) -> int:
    return turned((state + word * PRIMES[1]) & MASK, 31) * PRIMES[0] & MASK


def xxhash(data: bytes) -> int:
    """xxHash64 with the seed 0, as its specification says it; a signed number."""
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data) // 8 * 8, 8)]
    whole = len(data) // 32 * 4
    state = PRIMES[4]
    if whole:
        lanes = [(PRIMES[0] + PRIMES[1]) & MASK, PRIMES[1], 0, -PRIMES[0] & MASK]
        for at, word in enumerate(words[:whole]):
            lanes[at % 4] = mixed(lanes[at % 4], word)
        state = sum(map(turned, lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            state = ((state ^ mixed(0, lane)) * PRIMES[0] + PRIMES[3]) & MASK
    state = (state + len(data)) & MASK
    for word in words[whole:]:
        state = (turned(state ^ mixed(0, word), 27) * PRIMES[0] + PRIMES[3]) & MASK
    rest = data[len(data) // 8 * 8 :]
    if len(rest) >= 4:
        word = int.from_bytes(rest[:4], "little") * PRIMES[0] & MASK
        state, rest = (turned(state ^ word, 23) * PRIMES[1] + PRIMES[2]) & MASK, rest[4:]
    for byte in rest:
        state = turned(state ^ byte * PRIMES[4] & MASK, 11) * PRIMES[0] & MASK
    state = (state ^ state >> 33) * PRIMES[1] & MASK
    state = (state ^ state >> 29) * PRIMES[2] & MASK
    return wrapped(state ^ state >> 32)


@typed("hash")
def hash_(cells: list[Any], call: BoundCall, now: int) -> Any:
    """Of the bytes of a number, or of the text of anything else; a second argument is a modulus."""
    value, kind = cells[0], kinds(call)[0]
    if value is None or None in cells[1:]:
        return None
    forms = {"bool": "<b", "int": "<i", "long": "<q", "datetime": "<q", "timespan": "<q", "real": "<d"}
    found = xxhash(struct.pack(forms[kind], value) if kind in forms else text(kind, value).encode())
    if len(cells) == 1:
        return found
    return found % cells[1] if cells[1] > 0 else None
