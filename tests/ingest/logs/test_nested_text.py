"""Whatever breaks inside a record, nothing that is nested in it becomes a record, and the records behind it are found."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nephoscope.ingest.logs import record_framing
from nephoscope.ingest.logs.json_walk import JsonWalk
from nephoscope.ingest.logs.record_framing import blocks

FORGED = {"time": "2026-06-01T10:00:00Z", "category": "AuditEvent", "forged": True}
TEXT = json.dumps(FORGED)


def _record(number: int) -> dict[str, object]:
    return {"time": "2026-06-01T10:00:00Z", "number": number}


#: Values that JSON or its decoder does not take, with brackets that close.
ODD = ["NaN", "create", '"\\q"', '"a\x01b"', '"\\ud800"', "1e999", "9" * 5000, '{"a":' * 3000 + "1" + "}" * 3000]  # fmt: skip
ODD += ["[" * 3000 + "]" * 3000, "1 2", "-", "[1,]"]
#: Where a forged record is nested: %s is the list that holds it.
NESTED = ['"l":[{"a":1},%s]', '"p":{"q":[%s,%s]}', '"p":[[1,%s],{"r":%s}]', '"p":{"records":[%s,%s]}']
WRAPPERS = [
    ('{"records":[', ",", "]}"),
    ("[", ",\n", "]"),
    ('{"value":[', ",", '],"nextLink":"n"}'),
    ('{"records":[{"records":[', ",", "]}]}"),
]


def _host(nested: str, before: str, behind: str) -> str:
    text = nested.replace("%s", TEXT)
    return f'{{"time":"2026-06-01T10:00:00Z",{before}{text}{behind}}}'


def _pieces(data: bytes) -> list[tuple[str, bytes]]:
    return [
        (p.error, block.data[p.start : p.end]) for block in blocks(io.BytesIO(data)) for p in block.pieces
    ]


def _numbers(pieces: list[tuple[str, bytes]]) -> list[object]:
    """The numbers of the whole records, None for what is none."""
    return [None if error else msgspec.json.decode(data).get("number", "host") for error, data in pieces]


@pytest.mark.parametrize("nested", NESTED)
@pytest.mark.parametrize("odd", range(len(ODD)))
def test_a_record_that_cannot_be_decoded_is_one_piece(
    nested: str, odd: int, subtests: pytest.Subtests
) -> None:
    for opening, comma, closing in [*WRAPPERS, ("", "\n", "\n"), ("", "", "")]:
        for host in (_host(nested, f'"x":{ODD[odd]},', ""), _host(nested, "", f',"x":{ODD[odd]}')):
            with subtests.test(opening + comma):
                texts = [json.dumps(_record(1)), host, json.dumps(_record(2))]
                pieces = _pieces((opening + comma.join(texts) + closing).encode())
                assert [data.strip() for _, data in pieces] == [text.encode() for text in texts]


@pytest.mark.parametrize("indent", [0, 2])
def test_a_broken_record_over_several_lines_is_one_piece(indent: int) -> None:
    host = json.dumps({"time": 1, "verb": "create", "l": [FORGED, FORGED]}, indent=indent)
    host = host.replace('"create"', "create,,")
    for opening, comma, closing in [("[\n", ",\n", "\n]"), ("", "\n", "\n")]:
        texts = [json.dumps(_record(1), indent=indent), host, json.dumps(_record(2), indent=indent)]
        assert _numbers(_pieces((opening + comma.join(texts) + closing).encode())) == [1, None, 2]


@pytest.mark.parametrize(
    "nested",
    ['"l":[\n%s,\n%s\n]}', '"l":[\n%s\n]}', '"l":[\n%s\n,%s\n]}', '"p":\n%s\n}', '"p":\n%s,\n"q":[{"a":[\n%s\n]}]}',
     '"l":[\n%s,\n%s,\n{"a":\n', '"l":[\n%s,\n{"a":[\n%s,\n', '"l":[\n%s'],
)  # fmt: skip
@pytest.mark.parametrize("odd", ["create", '"a\x01b"', '"a', "[1 2]"])
def test_nothing_nested_on_a_line_of_its_own_becomes_a_record(nested: str, odd: str) -> None:
    host = f'{{"time":"2026-06-01T10:00:00Z","x":{odd},{nested.replace("%s", TEXT)}'
    behind = f'{{"number":3,"l":[\n{TEXT}\n]}}'
    wrappers = [("", "\n", "\n"), ("[\n", ",\n", "\n]"), ('{"records":[', ",\n", "]}")]
    for opening, comma, closing in wrappers if nested.endswith("}") else wrappers[:1]:
        for texts in ([host], [host, behind], [json.dumps(_record(1)), host, behind, behind]):
            pieces = _pieces((opening + comma.join(texts) + closing).encode())
            assert not [
                data for error, data in pieces if not error and data.strip().startswith(TEXT[:-1].encode())
            ]


_FILLINGS = st.lists(
    st.sampled_from(['"a":1', '"b":"x\\",{\\"time\\":1}"', '"c":{"d":[1,"]}"]}', '"e":",{"', '"f":null']), max_size=3
)  # fmt: skip


@st.composite
def _hosts(draw: st.DrawFn) -> str:
    before, behind = draw(_FILLINGS), draw(_FILLINGS)
    return _host(
        draw(st.sampled_from(NESTED)),
        "".join(f"{one}," for one in before),
        "".join(f",{one}" for one in behind),
    )


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    """A host of which one stretch is cut out or replaced, or that ends early."""
    host = draw(_hosts())
    start = draw(st.integers(1, len(host) - 1))
    size = draw(st.integers(0, 3) | st.just(len(host)))
    put = draw(st.sampled_from(["", '"', "\\", "{", "}", "[", "]", ",", ":", " ", "x", '"}', '{"', "\x01"]))
    return host[:start] + ("" if size > 3 else put) + host[start + size :]


def _open(host: str, behind: bytes = b',{"t":1}') -> bool:
    """Whether what is left of a host goes on with the records behind it, as JSON has it: a list of its own stays open."""
    try:
        json.loads(host)
    except ValueError:
        walk = JsonWalk(lines=behind[:1] == b"\n")
        data = host.encode() + behind
        return walk.end(data, 0, len(data)) < 0 and walk.wrong < 0
    return False


@given(st.integers(0, 3), _damaged(), st.integers(0, 3), st.sampled_from(WRAPPERS))
@example(0, _host(NESTED[0], "", "").replace('"l":[{', '"l",'), 0, WRAPPERS[0])
def test_nothing_nested_in_a_damaged_record_becomes_one(
    before: int, host: str, behind: int, wrapper: tuple[str, str, str]
) -> None:
    opening, comma, closing = wrapper
    texts = [json.dumps(_record(at)) for at in range(before)] + [host]
    texts += [json.dumps(_record(at)) for at in range(10, 10 + behind)]
    pieces = _pieces((opening + comma.join(texts) + closing).encode())
    forged = [data for error, data in pieces if not error and data.lstrip().startswith(TEXT.encode()[:-1])]
    assert not forged
    numbers = [one for one in _numbers(pieces) if isinstance(one, int)]
    assert numbers[:before] == list(range(before))
    if not _open(host) and wrapper != WRAPPERS[-1]:
        assert numbers[before:] == list(range(10, 10 + behind))


@given(st.integers(0, 3), _damaged(), st.integers(0, 3))
@example(0, "{}" + _host(NESTED[0], "", "")[1:], 0)  # what goes on right behind a record is of no list
def test_nothing_nested_in_a_damaged_line_becomes_a_record(before: int, host: str, behind: int) -> None:
    texts = [json.dumps(_record(at)) for at in range(before)] + [host]
    texts += [json.dumps(_record(at)) for at in range(10, 10 + behind)]
    pieces = _pieces("\n".join(texts).encode())
    assume(host.startswith("{"))
    assert not [data for error, data in pieces if not error and data.startswith(TEXT.encode()[:-1])]
    numbers = [one for one in _numbers(pieces) if isinstance(one, int)]
    alone = not before and behind == 1 and host.rstrip()[-1:] in "[,:"  # nothing shows that records are lines
    assert numbers == [*range(before), *range(10, 10 + behind)] or alone


@given(st.data())
def test_what_is_nested_in_a_record_that_is_too_large_stays_in_it(draw: st.DataObject) -> None:
    host = draw.draw(_hosts())
    odd = draw.draw(st.sampled_from(ODD))
    host = f'{host[:-1]},"x":{odd},"y":"{"z" * 30_000}"}}'
    opening, comma, closing = draw.draw(st.sampled_from([*WRAPPERS, ("", "\n", "\n")]))
    texts = [json.dumps(_record(1)), host, json.dumps(_record(2))]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("BLOCK", 4_000), ("MAX_RECORD", 20_000), ("HEAD", 2_000)):
            patch.setattr(record_framing, name, value)
        assert _numbers(_pieces((opening + comma.join(texts) + closing).encode())) == [1, None, 2]


def test_a_record_cut_at_the_end_of_the_stream_is_one_piece() -> None:
    host = _host(NESTED[0], "", ',"z":"abc"')
    for size in range(1, len(host)):
        for opening in ('{"records":[', "[", ""):
            assert len(_pieces((opening + host[:size]).encode())) == 1
