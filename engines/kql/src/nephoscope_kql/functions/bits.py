"""The bits of 64-bit whole numbers."""

from __future__ import annotations

from nephoscope_kql.functions.declaration import declare_macro, declare_scalar_macro
from nephoscope_kql.plan.function_signatures import ScalarFunction


def _make_bits(name: str, summary: str, body: str) -> ScalarFunction:
    return declare_scalar_macro(
        __name__,
        f"{name}(a: long, b: long): long",
        summary=summary,
        routine=declare_macro(f"kql_{name}(a, b)", body),
        nullable=False,
    )


binary_and = _make_bits("binary_and", "Give the bits that are set in both.", "a & b")
binary_or = _make_bits("binary_or", "Give the bits that are set in either.", "a | b")
binary_xor = _make_bits("binary_xor", "Give the bits that are set in one of both.", "xor(a, b)")
_UNSIGNED = "(CAST(a AS HUGEINT) + CASE WHEN a < 0 THEN 18446744073709551616 ELSE 0 END)"
_SIGNED = "CAST(CASE WHEN {0} >= 9223372036854775808 THEN {0} - 18446744073709551616 ELSE {0} END AS BIGINT)"
_LEFT = f"((({_UNSIGNED} % CAST(pow(2, 64 - (b & 63)) AS HUGEINT))) * CAST(pow(2, b & 63) AS HUGEINT))"
binary_shift_left = _make_bits(
    "binary_shift_left",
    "Move the bits to the left.",
    f"CASE WHEN b & 63 = 0 THEN a ELSE {_SIGNED.format(_LEFT)} END",
)
binary_shift_right = _make_bits("binary_shift_right", "Move the bits to the right.", "a >> (b & 63)")
binary_not = declare_scalar_macro(
    __name__,
    "binary_not(value: long): long",
    summary="Give the bits that are not set.",
    routine=declare_macro("kql_binary_not(a)", "~a"),
    nullable=False,
)
bitset_count_ones = declare_scalar_macro(
    __name__,
    "bitset_count_ones(value: long): long",
    summary="Count the bits that are set.",
    routine=declare_macro("kql_bitset_count_ones(a)", "CAST(bit_count(a) AS BIGINT)"),
    nullable=False,
)
