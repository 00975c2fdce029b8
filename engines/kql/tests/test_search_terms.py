"""search leaves out the columns whose text cannot hold a term; it finds what it found in all of them."""

from __future__ import annotations

import pytest

import nephoscope_kql as kql
from nephoscope_kql.binder.search_terms import WRITTEN_WITH
from nephoscope_kql.types import KqlType

#: Values of each type whose text is made of all the letters and signs that the type has.
VALUES = {
    KqlType.BOOL: ["true", "false"],
    KqlType.INT: ["int(-2147483648)", "int(1593746)"],
    KqlType.LONG: ["-9223372036854775807", "1593746820"],
    KqlType.REAL: ["1e300", "-1.5e-7", "real(nan)", "real(+inf)", "real(-inf)", "0.1", "1e16", "-0.0"],
    KqlType.DECIMAL: ["decimal(-1.5)", "decimal(0.0000000001)", "decimal(12345678901234567890)"],
    KqlType.DATETIME: ["datetime(2026-03-01T12:34:56.789)", "datetime(0001-01-01)", "datetime(9999-12-31)"],
    KqlType.TIMESPAN: ["1d", "-3.7h", "time(400.01:02:03.4567)"],
    KqlType.GUID: ["guid(0123ABCD-4567-89ef-0123-456789abcdef)"],
}
TERMS = ["2026", "True", "1e*", "*inity", "abcd", "one", "*", "0*z", "NaN", "İ", "tru"]


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_the_text_of_a_value_is_made_of_these_signs(kind: KqlType) -> None:
    for value in VALUES[kind]:
        text = kql.run(f"print tostring({value})").column(0)[0].as_py()
        assert text
        assert set(text.lower()) <= WRITTEN_WITH[kind], value


@pytest.mark.parametrize("term", TERMS)
def test_search_finds_what_it_finds_in_texts(term: str) -> None:
    columns = [
        (f"c{place}", kind, value) for place, (kind, own) in enumerate(VALUES.items()) for value in own[:1]
    ]
    row = ", ".join(f"{name} = {value}" for name, _, value in columns)
    texts = ", ".join(f"{name} = tostring({name})" for name, _, _ in columns)
    own = kql.run(f"print {row} | search '{term}' | count")
    as_texts = kql.run(f"print {row} | project {texts} | search '{term}' | count")
    assert own.column(0).to_pylist() == as_texts.column(0).to_pylist()
