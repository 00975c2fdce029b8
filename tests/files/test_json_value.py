"""JSON values are measured and decoded as JSON has them, halves of surrogate pairs spelled and nothing lost."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.files.json_value import decode_json, measure_value

_ODD = st.lists(
    st.sampled_from(
        ["\ud83d", "\ude00", "\ud800", "\udfff", "\\", '"', "u", "n", "\n", "\u00e9", "a", "dc00"]
    )
).map("".join)
_VALUES = st.dictionaries(_ODD, _ODD | st.lists(_ODD, max_size=3), max_size=4)


def _spelled(value: object) -> object:
    """Halves of pairs as their escapes; what JSON has as two escapes of one character is that character."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    assert isinstance(value, dict)
    return {_spelled(key): _spelled(item) for key, item in value.items()}


@given(_VALUES)
def test_halves_of_pairs_are_spelled_and_all_else_is_as_it_was(value: dict[str, object]) -> None:
    text = json.dumps(value)
    assert decode_json(text.encode()) == decode_json(text) == _spelled(json.loads(text))


@given(_VALUES, _ODD)
def test_a_value_with_halves_is_measured_whole(value: dict[str, object], behind: str) -> None:
    text = json.dumps(value).encode()
    assert measure_value(text, 0, len(text), whole=True) == (len(text), "", 0)
    more = text + json.dumps(behind).encode() + b" " * 12
    assert measure_value(more, 0, len(more)) == (len(text), "", 0)
    data = b"xx" + more
    assert measure_value(data, 2, len(data)) == (len(text), "", 0)


@given(_VALUES, st.data())
def test_a_value_that_is_cut_is_waited_for(value: dict[str, object], draw: st.DataObject) -> None:
    text = json.dumps(value).encode()
    cut = draw.draw(st.integers(1, len(text) - 1))
    assert measure_value(text, 0, cut) == (0, "", 0)
    assert measure_value(text, 0, cut, whole=True) == (0, "", 0)


@pytest.mark.parametrize(
    "text", [b'{"a":"\\u12"           }', b'{"a":"\\ud83d" x          }', b'{"a":"\\ud83d\\q"          }']
)
def test_what_is_wrong_beside_is_still_told(text: bytes) -> None:
    size, reason, _ = measure_value(text, 0, len(text))
    assert size == 0
    assert reason.startswith("not JSON: ")
    with pytest.raises(msgspec.DecodeError):
        decode_json(text)
