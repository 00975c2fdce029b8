"""What holds for all values: one query a list of values that hypothesis makes."""

from __future__ import annotations

import json
import math

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from written import NOW

import nephoscope_kql as kql
from nephoscope_kql.functions.declaration import ALL
from nephoscope_kql.registry import load_functions
from nephoscope_kql.sql.routines import ArrowFunction

few = settings(max_examples=4, deadline=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PLACE = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


ARROW = {
    "string": pa.string(),
    "long": pa.int64(),
    "real": pa.float64(),
    "dynamic": pa.string(),
    "datetime": pa.int64(),
}


def true_for_all(*conditions: str, **columns: tuple[str, list]) -> None:
    """Conditions over rows are true in each."""
    fields = [
        pa.field(name, ARROW[kind], metadata={b"kql.type": kind.encode()})
        for name, (kind, _) in columns.items()
    ]
    arrays = [pa.array(values, ARROW[kind]) for kind, values in columns.values()]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    items = ", ".join(f"x{place} = {text}" for place, text in enumerate(conditions))
    found = kql.run(f"T | project {items}", tables={"T": table}, now=NOW)
    for place, text in enumerate(conditions):
        wrong = [row for row, value in enumerate(found.column(place).to_pylist()) if value is not True]
        assert not wrong, (text, table.slice(wrong[0], 1).to_pylist())


@few
@given(st.lists(TEXT, min_size=1, max_size=40))
def test_texts_come_back(values: list[str]) -> None:
    column = ("string", values)
    true_for_all(
        "base64_decode_tostring(base64_encode_tostring(s)) == s",
        "gzip_decompress_from_base64_string(gzip_compress_to_base64_string(s)) == s",
        "zlib_decompress_from_base64_string(zlib_compress_to_base64_string(s)) == s",
        "url_decode(url_encode_component(s)) == s",
        "unicode_codepoints_to_string(unicode_codepoints_from_string(s)) == s",
        "reverse(reverse(s)) == s and strlen(reverse(s)) == strlen(s)",
        "strcat_array(split(s, ','), ',') == s",
        "tostring(parse_json(dynamic_to_json(pack_array(s)))[0]) == s",
        s=column,
    )


@few
@given(st.lists(TEXT, min_size=1, max_size=30), TEXT)
def test_operators_on_text_agree(values: list[str], part: str) -> None:
    columns = {"s": ("string", values), "p": ("string", [part] * len(values))}
    true_for_all(
        "(s contains p) == not(s !contains p) and (s startswith p) == not(s !startswith p)",
        "(s has_cs p) == not(s !has_cs p) and (not(s startswith_cs p) or s contains_cs p)",
        "(indexof(s, p) >= 0) == (s contains_cs p)",
        "not(s has_cs p) or s contains_cs p",
        **columns,
    )


@few
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40), st.integers(0, 32))
def test_addresses_come_back(values: list[int], prefix: int) -> None:
    columns = {"n": ("long", values), "p": ("long", [prefix] * len(values))}
    true_for_all(
        "parse_ipv4(format_ipv4(n)) == n",
        "ipv4_is_match(format_ipv4(n), format_ipv4_mask(n, p))",
        "ipv4_compare(format_ipv4(n), format_ipv4(n, p), p) == 0",
        "parse_ipv6(format_ipv4(n)) == parse_ipv6(strcat('::ffff:', format_ipv4(n)))",
        **columns,
    )


@few
@given(st.lists(st.integers(0, 3_155_378_975_999_999_999), min_size=1, max_size=40))
def test_dates_lie_in_their_days_and_months(values: list[int]) -> None:
    column = ("datetime", values)
    true_for_all(
        "t between (startofday(t) .. endofday(t)) and t between (startofmonth(t) .. endofmonth(t))",
        "bin(t, 1d) == startofday(t) and startofyear(t) <= startofmonth(t)",
        "todatetime(tostring(t)) == t",
        "make_datetime(getyear(t), monthofyear(t), dayofmonth(t)) == startofday(t)",
        t=column,
    )


@few
@given(st.lists(st.lists(st.integers(-5, 5), max_size=8), min_size=1, max_size=30))
def test_arrays_keep_their_elements(values: list[list[int]]) -> None:
    column = ("dynamic", [json.dumps(one) for one in values])
    true_for_all(
        "array_length(array_concat(a, a)) == 2 * array_length(a)",
        "tostring(array_reverse(array_reverse(a))) == tostring(array_slice(a, 0, -1)) or array_length(a) == 0",
        "tostring(array_rotate_left(array_rotate_right(a, 3), 3)) == tostring(array_rotate_left(a, 0))",
        "set_equals(set_union(a, a), a) and array_length(set_difference(a, a)) == 0",
        "tostring(array_reverse(array_sort_asc(a))) == tostring(array_sort_desc(a))",
        a=column,
    )


@few
@given(st.lists(st.tuples(PLACE, PLACE), min_size=1, max_size=30))
def test_distances_are_those_of_a_sphere(values: list) -> None:
    names = {
        name: ("real", [row[side][axis] for row in values])
        for name, side, axis in (("a", 0, 0), ("b", 0, 1), ("c", 1, 0), ("d", 1, 1))
    }
    far = math.pi * 6371010
    true_for_all(
        f"geo_distance_2points(a, b, c, d) between (0.0 .. {far + 1})",
        "abs(geo_distance_2points(a, b, c, d) - geo_distance_2points(c, d, a, b)) < 0.001",
        "geo_point_in_circle(a, b, c, d, geo_distance_2points(a, b, c, d) + 0.001)",
        "geo_h3cell_parent(geo_point_to_h3cell(a, b, 7), 7) == geo_point_to_h3cell(a, b, 7)",
        "geo_point_to_geohash(a, b, 8) startswith geo_point_to_geohash(a, b, 4)",
        **names,
    )


POSITION = st.tuples(st.floats(-361, 361), st.floats(-91, 91)).map(list) | st.sampled_from(
    [[], [0, 0], [180, 90], ["x", 1], None, [1]]
)
RING = st.lists(POSITION, max_size=6).map(lambda ring: [*ring, *ring[:1]])
GEOMETRY = st.one_of(
    st.builds(lambda part: {"type": "LineString", "coordinates": part}, st.lists(POSITION, max_size=5)),
    st.builds(lambda parts: {"type": "MultiLineString", "coordinates": parts}, st.lists(RING, max_size=3)),
    st.builds(lambda rings: {"type": "Polygon", "coordinates": rings}, st.lists(RING, max_size=3)),
    st.builds(
        lambda parts: {"type": "MultiPolygon", "coordinates": parts},
        st.lists(st.lists(RING, max_size=2), max_size=2),
    ),
    st.sampled_from([{}, {"type": "Polygon"}, {"type": "Circle", "coordinates": []}, [], "x", 1]),
)
SHAPES = ("kql_line_", "kql_polygon_", "kql_polygons_", "kql_s2_line", "kql_s2_polygon_", "kql_h3_polygon_")


@settings(max_examples=15, deadline=None)
@given(st.lists(GEOMETRY, min_size=2, max_size=2), st.floats(allow_nan=True), st.integers(-1, 3))
def test_no_shape_makes_geography_raise(shapes: list, number: float, level: int) -> None:
    assert load_functions()  # loads the folder, which fills ALL
    routines = [one for one in ALL if isinstance(one, ArrowFunction) and one.name.startswith(SHAPES)]
    assert len(routines) > 25
    one, other = (json.dumps(item) for item in shapes)
    for routine in routines:
        text = f"[{one},{other}]" if "polygons" in routine.name or "union" in routine.name else one
        values = {"VARCHAR": text, "DOUBLE": number, "BIGINT": level, "BOOLEAN": True}
        kinds = {"VARCHAR": pa.string(), "DOUBLE": pa.float64(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}
        assert len(routine.body(*(pa.array([values[kind]], kinds[kind]) for kind in routine.parameters))) == 1


TERMS = (
    "ann",
    "a.b",
    "_x",
    "x_",
    "k9",
    "-enc",
    "C:\\Temp\\",
    "[^",
    "sun",
    "'",
    "$",
    "(",
    "\n",
    "9",
    "|",
    "^a",
)
PIECES = st.sampled_from([*TERMS, " ", ".", "_", "a", "Z", "9", "é", "ß", "K", "SUN", "Ann", "K9"])


@few
@given(st.lists(st.lists(PIECES, max_size=5).map("".join), min_size=1, max_size=60))
def test_many_terms_are_found_as_each_of_them_alone(values: list[str]) -> None:
    written = [json.dumps(term) for term in TERMS]
    alone = " or ".join(f"s has {term}" for term in written)
    true_for_all(
        f"(s has_any ({', '.join(written)})) == ({alone})",
        f"(s has_any ({', '.join(written)}, 'naïve', '')) == true",
        f"(s has_any ({', '.join(written)}, 'ß')) == ({alone} or s has 'ß')",
        s=("string", values),
    )
