"""Records are cut out of a stream whatever wraps them, however it is chunked, whatever is broken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.collect.resources import json_grammar
from nephoscope.collect.resources.json_splitter import RecordSplitter


def cut(data: bytes, sizes=(), default=1 << 20):
    """All pieces of the data, fed in chunks of the given sizes in turn."""
    splitter, pieces, position, turn = RecordSplitter(), [], 0, 0
    while position < len(data):
        size = sizes[turn % len(sizes)] if sizes else default
        pieces += splitter.feed(data[position : position + size])
        position += size
        turn += 1
    pieces += splitter.close()
    answers = splitter.paging.answers
    return pieces, bool(answers), bool(answers) and answers[-1].continued


def plain(pieces):
    return [(p.data, p.line, p.column, p.error, p.columns) for p in pieces]


def body(number, **properties):
    id_ = f"/subscriptions/s/resourceGroups/g/providers/M.x/y/n{number}"
    return {
        "id": id_,
        "type": "M.x/y",
        "name": f"n{number}",
        "properties": {"text": 'a "}{][\\" b', **properties},
    }


BODIES = [body(n, list=[1, {"a": []}], empty={}) for n in range(5)]
WRAPS = {
    "array": lambda rows: json.dumps(rows),
    "pretty array": lambda rows: json.dumps(rows, indent=2),
    "array with no indentation": lambda rows: json.dumps(rows, indent=0),
    "one a line in an array": lambda rows: "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n",
    "lines": lambda rows: "\n".join(map(json.dumps, rows)),
    "lines with CRLF": lambda rows: "\r\n".join(map(json.dumps, rows)) + "\r\n",
    "pretty objects one after the other": lambda rows: "\n".join(json.dumps(row, indent=2) for row in rows),
    "answer": lambda rows: json.dumps({"value": rows, "nextLink": None}),
    "graph answer": lambda rows: json.dumps(
        {"count": 5, "data": rows, "skip_token": None, "total_records": 5}
    ),
    "PowerShell's answer": lambda rows: json.dumps({"SkipToken": None, "Data": rows}, indent=2),
    "PowerShell's answer, its token last": lambda rows: json.dumps({"Data": rows, "SkipToken": ""}),
    "pretty answer": lambda rows: json.dumps({"totalRecords": 5, "facets": [], "data": rows}, indent=4),
    "pages": lambda rows: json.dumps([{"data": rows[:2]}, {"data": rows[2:]}]),
    "pages one a line": lambda rows: json.dumps({"data": rows[:2]}) + "\n" + json.dumps({"data": rows[2:]}),
    "lists of lists": lambda rows: json.dumps([rows[:3], rows[3:]]),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_every_wrapping_gives_the_same_records(wrap):
    pieces, _, continued = cut(wrap(BODIES).encode())
    assert [p.value for p in pieces] == BODIES
    assert all(json.loads(p.data) == p.value and not p.error for p in pieces)
    assert not continued


@pytest.mark.parametrize("bare", [True, False])
def test_a_table_gives_rows_with_their_columns(bare):
    table = {
        "columns": [{"name": "id", "type": "string"}, {"name": "properties"}],
        "rows": [["/a", {"x": 1}], ["/b", None]],
    }
    pieces, paged, _ = cut(json.dumps(table if bare else {"count": 2, "data": table, "facets": []}).encode())
    assert [(p.columns, p.value) for p in pieces] == [(("id", "properties"), row) for row in table["rows"]]
    assert paged


@pytest.mark.parametrize(("name", "value"), [("id", "value"), ("Id", "Data")])
def test_a_record_that_has_a_list_named_value_is_no_answer(name, value):
    record = {name: "/subscriptions/s", value: [{"id": "/x"}]}
    pieces, paged, _ = cut(json.dumps(record).encode())
    assert [p.value for p in pieces] == [record]
    assert not paged


@pytest.mark.parametrize(
    "tail",
    [
        '"nextLink": "https://management.azure.com/x"',
        '"@odata.nextLink": "https://graph.microsoft.com/x"',
        '"$skipToken": "abc"',
        '"skip_token": "abc"',
        '"SkipToken": "abc"',
        '"resultTruncated": "true"',
    ],
)
@pytest.mark.parametrize("order", [0, 1])
def test_an_answer_that_goes_on_is_noticed(tail, order):
    parts = ['"value": []', tail]
    document = "{" + ", ".join(reversed(parts) if order else parts) + "}"
    assert cut(document.encode())[2]
    assert not cut((document + '\n{"value": [], "nextLink": null}').encode())[2]


BROKEN = {
    "a line that is cut": (lambda lines: [lines[0], lines[1][:60], *lines[2:]], (2, 1)),
    "a missing value": (lambda lines: [lines[0], lines[1].replace('"M.x/y"', "", 1), *lines[2:]], None),
    "a missing bracket": (lambda lines: [lines[0], lines[1].replace("[]", "[", 1), *lines[2:]], (2, 1)),
    "a missing brace": (lambda lines: [lines[0], lines[1][:-1], *lines[2:]], (2, 1)),
    "a bare word": (lambda lines: [lines[0], lines[1].replace('"M.x/y"', "oops", 1), *lines[2:]], (2, 1)),
    "not a number": (lambda lines: [lines[0], lines[1].replace('"M.x/y"', "NaN", 1), *lines[2:]], (2, 1)),
    "a line of text": (lambda lines: [lines[0], "WARNING: something", *lines[2:]], (2, 1)),
    "a cut inside a number": (lambda lines: [lines[0], '{"id": "/a", "type": 12', *lines[2:]], (2, 1)),
    "an object left open": (lambda lines: [lines[0], '{"id": "/a", "type":', *lines[2:]], (2, 1)),
}


@pytest.mark.parametrize(("damage", "place"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_costs_itself_and_nothing_else(damage, place):
    pieces, _, _ = cut("\n".join(damage([json.dumps(row) for row in BODIES])).encode())
    assert [p.value for p in pieces if not p.error] == [BODIES[0], *BODIES[2:]]
    errors = [p for p in pieces if p.error]
    assert len(errors) == 1
    assert errors[0].line == 2
    assert place is None or (errors[0].line, errors[0].column) == place


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"M.x/y"', "oops"),
        ('"M.x/y"', '"open'),
        ('"empty": {}', '"empty": {'),
        ('"a": []', '"a": ['),
        ('"list": [', '"list": '),
    ],
)
def test_a_broken_record_in_an_array_costs_itself_and_nothing_else(indent, old, new):
    texts = [json.dumps(row, indent=indent) for row in BODIES]
    assert old in texts[1]
    texts[1] = texts[1].replace(old, new, 1)
    pieces, _, _ = cut(("[" + ",\n".join(texts) + "]").encode())
    assert [p.value for p in pieces if not p.error] == [BODIES[0], *BODIES[2:]]
    assert 1 <= len([p for p in pieces if p.error]) <= 2


def test_the_place_of_an_undecodable_record_is_the_byte():
    (piece,), _, _ = cut(b'{"id": "/a",\n  "type": 1,,}')
    assert (piece.line, piece.column) == (2, 13)
    assert piece.error


def test_a_deep_record_is_broken_and_the_next_is_not():
    deep = '{"a":' * (json_grammar.MAX_DEPTH + 1) + "1" + "}" * (json_grammar.MAX_DEPTH + 1)
    pieces, _, _ = cut(f"{deep}\n{json.dumps(BODIES[0])}".encode())
    assert [p.error for p in pieces] == [f"nested deeper than {json_grammar.MAX_DEPTH}", ""]
    allowed = '{"a":' * json_grammar.MAX_DEPTH + "1" + "}" * json_grammar.MAX_DEPTH
    assert not cut(allowed.encode())[0][0].error


@pytest.mark.parametrize("chunk", [1 << 10, 1 << 24])
@pytest.mark.parametrize("member", ['"text": "{}"', '"list": [{}]'])
def test_a_record_over_the_limit_is_gone_over(monkeypatch, chunk, member):
    monkeypatch.setattr("nephoscope.collect.resources.json_splitter.MAX_RECORD", 10_000)
    filling = ("x" * 40_000) if "text" in member else '{"a": 1},' * 5_000 + "{}"
    large = "{" + member.replace("{}", filling, 1) + "}"
    text = json.dumps(BODIES[0]) + "\n" + large + "\n" + json.dumps(BODIES[1])
    pieces, _, _ = cut(text.encode(), default=chunk)
    assert [p.value for p in pieces if not p.error][:1] == [BODIES[0]]
    assert [p.value for p in pieces if not p.error][-1] == BODIES[1]
    assert "larger than" in next(p.error for p in pieces if p.error)
    assert sum(len(p.data) for p in pieces) < 200_000


def damaged(data: bytes, position: int, inserted: bytes, removed: int) -> bytes:
    return data[:position] + inserted + data[position + removed :]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
RECORDS = st.lists(st.fixed_dictionaries({"id": st.text(max_size=6), "properties": JSON}), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    RECORDS,
    st.sampled_from(sorted(WRAPS)),
    st.booleans(),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
def test_any_chunking_gives_the_same_records(rows, wrap, ascii_only, sizes):
    text = WRAPS[wrap](rows)
    if not ascii_only:
        text = json.dumps(rows, ensure_ascii=False)
    data = text.encode("utf-8", "surrogatepass")
    whole = cut(data)
    assert (plain(cut(data, sizes)[0]), *cut(data, sizes)[1:]) == (plain(whole[0]), *whole[1:])
    if "\\ud" not in text and not any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        assert [p.value for p in whole[0]] == rows


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(alphabet='{}[]",:\\n \n1atrue', max_size=80).map(str.encode),
        st.tuples(
            st.sampled_from(sorted(WRAPS)), st.integers(0, 900), st.binary(max_size=3), st.integers(0, 3)
        ).map(lambda t: damaged(WRAPS[t[0]](BODIES[:3]).encode(), *t[1:])),
    ),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_any_bytes_give_pieces_or_errors_and_any_chunking_the_same(data, sizes):
    whole = cut(data)
    assert (plain(cut(data, sizes)[0]), *cut(data, sizes)[1:]) == (plain(whole[0]), *whole[1:])
    for piece in whole[0]:
        assert piece.error or isinstance(piece.value, dict | list)
        assert piece.line >= 1
        assert piece.column >= 1
