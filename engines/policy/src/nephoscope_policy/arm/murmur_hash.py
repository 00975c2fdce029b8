"""The hash behind uniqueString(): a 64-bit variant of MurmurHash 3 in two 32-bit lanes, printed in base 32."""

from __future__ import annotations

_MASK = 0xFFFFFFFF
_C1, _C2 = 0x239B961B, 0xAB0E9789
_ADD1, _ADD2 = 0x561CCD1B, 0x0BCAA747
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def compute_murmur64(data: bytes, seed: int = 0) -> int:
    """The hash of some bytes as an unsigned 64-bit integer."""
    high, low = seed, seed
    whole = len(data) // 8 * 8
    for place in range(0, whole, 8):
        high ^= _mix_first_word(int.from_bytes(data[place : place + 4], "little"))
        high = ((_rotate_left(high, 19) + low) * 5 + _ADD1) & _MASK
        low ^= _mix_second_word(int.from_bytes(data[place + 4 : place + 8], "little"))
        low = ((_rotate_left(low, 13) + high) * 5 + _ADD2) & _MASK
    tail = data[whole:]
    if tail:
        high ^= _mix_first_word(int.from_bytes(tail[:4], "little"))
    if len(tail) > 4:
        low ^= _mix_second_word(int.from_bytes(tail[4:], "little"))
    return _finish_hash(high, low, len(data))


def encode_base32(number: int) -> str:
    """An unsigned 64-bit integer in 13 characters, the highest five bits first."""
    bits = number << 1
    return "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(60, -1, -5))


def _finish_hash(high: int, low: int, length: int) -> int:
    high, low = high ^ length, low ^ length
    high = (high + low) & _MASK
    low = (low + high) & _MASK
    high, low = _mix_bits(high), _mix_bits(low)
    high = (high + low) & _MASK
    low = (low + high) & _MASK
    return low << 32 | high


def _mix_first_word(word: int) -> int:
    return (_rotate_left(word * _C1 & _MASK, 15) * _C2) & _MASK


def _mix_second_word(word: int) -> int:
    return (_rotate_left(word * _C2 & _MASK, 17) * _C1) & _MASK


def _rotate_left(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _MASK


def _mix_bits(word: int) -> int:
    word = (word ^ word >> 16) * 0x85EBCA6B & _MASK
    word = (word ^ word >> 13) * 0xC2B2AE35 & _MASK
    return word ^ word >> 16
