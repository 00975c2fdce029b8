"""The witness (tests/oracle/rowwise.py) gives what the engine gives for the expressions of tests/cases/functions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml
from written import FIXTURES, NOW

import nephoscope_kql as kql

HERE = Path(__file__).parents[1]

import kql_compare  # noqa: E402
import kql_engine  # noqa: E402
import kql_witness  # noqa: E402
from rowwise_values import UnwitnessedError  # noqa: E402

FILES = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for path in sorted((HERE / "cases/functions").glob("*.yaml"))
    if path.stem != "geography"
}
NOT_WITNESSED = {
    "beta_cdf", "beta_inv", "beta_pdf", "buildschema", "convert_angle", "convert_energy", "convert_force", "convert_length",
    "convert_mass", "convert_speed", "convert_temperature", "convert_volume", "datetime_list_timezones",
    "gzip_compress_to_base64_string", "parse_user_agent", "percentile_array_tdigest", "percentile_tdigest",
    "percentrank_tdigest", "punycode_domain_from_string", "punycode_domain_to_string", "punycode_from_string",
    "punycode_to_string", "rank_tdigest", "series_fft", "series_fill_linear", "series_fir", "series_fit_2lines",
    "series_fit_2lines_dynamic", "series_fit_poly", "series_ifft", "series_periods_detect", "series_periods_validate", "tdigest",
    "tdigest_merge", "welch_test", "zlib_compress_to_base64_string",
}  # fmt: skip
"""What no rule uses: the tables alone hold it."""


def query(expressions: list[str], rows: str | None) -> str:
    items = ", ".join(f"x{at} = {expression}" for at, expression in enumerate(expressions))
    return f"print {items}" if rows is None else f"{FIXTURES[rows]} | summarize {items}"


@cache
def answers(file: str) -> dict[tuple[str, str | None], kql_compare.Result]:
    """The engine's answer to every expression of a file, those over the same rows in one query."""
    wanted: dict[str | None, list[str]] = {}
    for expression, _, _, *rows in (case for cases in FILES[file].values() for case in cases):
        wanted.setdefault(rows[0] if rows else None, []).append(expression)
    return {
        (expression, rows): one
        for rows, expressions in wanted.items()
        for expression, one in zip(expressions, of_engine(expressions, rows), strict=True)
    }


def of_engine(expressions: list[str], rows: str | None) -> list[kql_compare.Result]:
    found = kql_engine.read(kql.run(query(expressions, rows), tables={}, now=NOW))
    places = [[name for name, _ in found.columns].index(f"x{at}") for at in range(len(expressions))]
    return [
        kql_compare.Result((("x0", found.columns[at][1]),), tuple((row[at],) for row in found.rows))
        for at in places
    ]


def disagreement(file: str, expression: str, rows: str | None) -> str:
    """Why the witness's answer is not the engine's; '' where it is."""
    engine = answers(file)[expression, rows]
    witness = kql_witness.rows(query([expression], rows), {})
    own = [name for name, _ in witness.columns].index("x0")
    if witness.columns[own] != engine.columns[0]:
        return f"{engine.columns}, witness {witness.columns}"
    return kql_compare.compare_rows(engine, [(row[own],) for row in witness.rows], "")


@pytest.mark.sampled(3, each="file")
@pytest.mark.parametrize(("file", "name"), [(file, name) for file in FILES for name in FILES[file]])
def test_the_witness_agrees(file: str, name: str) -> None:
    unknown = set()
    for expression, _, _, *rows in FILES[file][name]:
        try:
            why = disagreement(file, expression, rows[0] if rows else None)
        except UnwitnessedError:
            unknown.add(name)
            continue
        assert why == "", expression
    assert unknown == {name} & NOT_WITNESSED
