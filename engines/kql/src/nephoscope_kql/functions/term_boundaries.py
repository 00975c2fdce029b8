"""Term borders: what stands beside a whole term, tested by patterns that are cheap to read wherever they decide it.

RE2 needs 4 ms to read a pattern with all letters of Unicode, and DuckDB reads it anew for every query. So a text that has no such
term even among characters that are surely no letters, and one that has it between characters that surely are none, is decided by
two small patterns; only the rest is asked of Arrow, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from nephoscope_kql.functions.declaration import declare_arrow_function
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.sql import nodes

APART = r"[^\pL\pN]"
"""What stands beside a term: no letter and no digit."""
_LETTERS = (
    r"\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2C1}\x{388}-\x{38A}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{400}-\x{481}\x{48A}-\x{52F}"
    r"\x{5D0}-\x{5EA}\x{620}-\x{64A}\x{904}-\x{939}\x{E01}-\x{E30}\x{3041}-\x{3096}\x{30A1}-\x{30FA}\x{4E00}-\x{9FEF}"
    r"\x{AC00}-\x{D7A3}"
)
"""Letters of the scripts that most texts have: all of them are `\\pL` in every version of Unicode since 11."""
_MAY_APART = f"[^A-Za-z0-9{_LETTERS}]"
_SURELY_APART = r"[^A-Za-z0-9\x{AA}-\x{1FFF}\x{2070}-\x{10FFFF}]"


def _match_first_pattern(texts: pa.Array, patterns: pa.Array) -> pa.Array:
    """Whether the pattern, one for the whole batch, is found in each text."""
    if not len(texts):
        return pa.array([], pa.bool_())
    return pc.match_substring_regex(texts, patterns[0].as_py())


FOUND = declare_arrow_function(
    "kql_term_found", ("VARCHAR", "VARCHAR"), "BOOLEAN", _match_first_pattern, rare=True
)


def find_terms(text: exp.Expr, pattern: Callable[[str], str], call: Arguments) -> exp.Expr:
    """Return whether a pattern, written for what stands beside its terms, is found in a text; null where the text is."""
    exact = pattern(APART)
    may, surely = (_matches(text, pattern(one)) for one in (_MAY_APART, _SURELY_APART))
    if exact == pattern(_MAY_APART):
        return may
    asked = nodes.build_call(call.use(FOUND), text, nodes.build_text(exact))
    return nodes.build_case(
        (nodes.build_not(may), nodes.build_boolean(False)),
        (surely, nodes.build_boolean(True)),
        otherwise=asked,
    )


def _matches(text: exp.Expr, pattern: str) -> exp.Expr:
    return nodes.build_call("regexp_matches", text, nodes.build_text(pattern))
