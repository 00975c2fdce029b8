"""The operators on text: `=~ contains has startswith matches regex` and their kin, case-sensitive and negated."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from string import ascii_lowercase

from sqlglot import exp

from nephoscope_kql.functions.declaration import declare_macro
from nephoscope_kql.functions.regex import get_pattern_argument, quote_pattern
from nephoscope_kql.functions.term_boundaries import APART, find_terms
from nephoscope_kql.plan.function_signatures import (
    Arguments,
    ScalarFunction,
    declare_function,
    parse_signature,
)
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

Test = Callable[[exp.Expr, exp.Expr, "str | None", Arguments], exp.Expr]

_QUOTED = quote_pattern("t")
_FOLDED = quote_pattern("lower(t)")
_BEFORE = rf"(CASE WHEN regexp_matches(t, '^[\pL\pN]') THEN '(^|{APART})' ELSE '' END)"
_AFTER = rf"(CASE WHEN regexp_matches(t, '[\pL\pN]$') THEN '($|{APART})' ELSE '' END)"
HAS = declare_macro(
    "kql_has(x, t)",
    f"CASE WHEN NOT contains(lower(x), lower(t)) THEN false ELSE regexp_matches(lower(x), {_BEFORE} || {_FOLDED} || {_AFTER}) END",
)
HAS_CS = declare_macro(
    "kql_has_cs(x, t)",
    f"CASE WHEN NOT contains(x, t) THEN false ELSE regexp_matches(x, {_BEFORE} || {_QUOTED} || {_AFTER}) END",
)
HAS_PREFIX = declare_macro(
    "kql_hasprefix(x, t)",
    f"CASE WHEN NOT contains(lower(x), lower(t)) THEN false ELSE regexp_matches(lower(x), {_BEFORE} || {_FOLDED}) END",
)
HAS_PREFIX_CS = declare_macro(
    "kql_hasprefix_cs(x, t)",
    f"CASE WHEN NOT contains(x, t) THEN false ELSE regexp_matches(x, {_BEFORE} || {_QUOTED}) END",
)
HAS_SUFFIX = declare_macro(
    "kql_hassuffix(x, t)",
    f"CASE WHEN NOT contains(lower(x), lower(t)) THEN false ELSE regexp_matches(lower(x), {_FOLDED} || {_AFTER}) END",
)
HAS_SUFFIX_CS = declare_macro(
    "kql_hassuffix_cs(x, t)",
    f"CASE WHEN NOT contains(x, t) THEN false ELSE regexp_matches(x, {_QUOTED} || {_AFTER}) END",
)
_TERMS = {
    ("has", False): HAS,
    ("has", True): HAS_CS,
    ("hasprefix", False): HAS_PREFIX,
    ("hasprefix", True): HAS_PREFIX_CS,
    ("hassuffix", False): HAS_SUFFIX,
    ("hassuffix", True): HAS_SUFFIX_CS,
}
_TERM_CHARACTER = re.compile(r"[^\W_]")
_CASES = {one: f"[{one}{one.upper()}]" for one in ascii_lowercase} | {"k": r"[kK\x{212A}]"}
"""A letter in both cases, the Kelvin sign by its number: DuckDB reads SQL of ASCII alone several times as fast."""
SEVERAL = 8
"""From how many terms on the pattern alone is faster than a search for their characters before it."""
AT_ONCE = 200
"""How many terms one pattern has."""


def lower_case(node: exp.Expr) -> exp.Expr:
    """The text in lower case; an ASCII literal at once (Python writes some other letters as two, DuckDB none)."""
    if isinstance(node, exp.Literal) and node.is_string and str(node.this).isascii():
        return nodes.build_text(str(node.this).lower())
    return nodes.build_call("lower", node)


def is_caseless(node: exp.Expr) -> bool:
    """Return whether it is a literal of characters that no other character turns into in lower case: digits, marks of ASCII."""
    return isinstance(node, exp.Literal) and all(
        one.isascii() and not one.isalpha() for one in str(node.this)
    )


def build_term_pattern(term: str, kind: str, sensitive: bool, apart: str = APART) -> str:
    """The regular expression that finds a whole term (or a term's beginning, or its end) beside what `apart` matches."""
    start, end = _build_borders(term, kind, apart)
    if term.isascii() and not sensitive:
        return start + _build_either_case_pattern(term) + end
    return ("" if sensitive else "(?i)") + start + _quote_term(term) + end


def _build_either_case_pattern(term: str) -> str:
    """The pattern of an ASCII term's letters in both cases as lower() pairs them: the Kelvin sign is a k, the long s is no s."""
    return "".join(_CASES.get(one.lower(), one if one.isalnum() else f"\\{one}") for one in term)


def _build_borders(term: str, kind: str, apart: str) -> tuple[str, str]:
    """Return what must stand before and behind a term where it begins and ends with a letter or a digit."""
    before = kind != "hassuffix" and _TERM_CHARACTER.match(term[:1] or " ") is not None
    after = kind != "hasprefix" and _TERM_CHARACTER.match(term[-1:] or " ") is not None
    return f"(^|{apart})" if before else "", f"($|{apart})" if after else ""


def build_any_term_pattern(terms: Sequence[str], apart: str) -> str:
    """The regular expression that finds any of several ASCII terms beside what `apart` matches."""
    groups: dict[tuple[str, str], list[str]] = {}
    for term in terms:
        groups.setdefault(_build_borders(term, "has", apart), []).append(_build_either_case_pattern(term))
    return "|".join(f"{start}(?:{'|'.join(items)}){end}" for (start, end), items in groups.items())


def _quote_term(term: str) -> str:
    return "".join(one if one.isalnum() or not one.isascii() else f"\\{one}" for one in term)


def build_term_test(
    kind: str, sensitive: bool, text: exp.Expr, term: exp.Expr, known: str | None, call: Arguments
) -> exp.Expr:
    """Return whether a text has a term; the cheap search for its characters comes first."""
    if known is None:
        return exp.Paren(this=nodes.build_call(call.use(_TERMS[kind, sensitive]), text, term))
    if known == "":
        return nodes.build_boolean(True)
    found = nodes.build_call(
        "contains",
        text if sensitive else lower_case(text),
        nodes.build_text(known) if sensitive else lower_case(nodes.build_text(known)),
    )
    exact = find_terms(text, lambda apart: build_term_pattern(known, kind, sensitive, apart), call)
    return nodes.build_binary("and", found, exact)


def _build_contains(sensitive: bool, text: exp.Expr, part: exp.Expr) -> exp.Expr:
    return nodes.build_call(
        "contains",
        *((text, part) if sensitive or is_caseless(part) else (lower_case(text), lower_case(part))),
    )


def _build_edge(name: str, sensitive: bool, text: exp.Expr, part: exp.Expr) -> exp.Expr:
    return nodes.build_call(
        name, *((text, part) if sensitive or is_caseless(part) else (lower_case(text), lower_case(part)))
    )


def _build_term_test(kind: str, sensitive: bool, call: Arguments) -> exp.Expr:
    known = call.bound[1].value if isinstance(call.bound[1], Constant) else None
    if kind in ("has", "hasprefix", "hassuffix"):
        return build_term_test(
            kind, sensitive, call[0], call[1], known if isinstance(known, str) else None, call
        )
    if kind == "contains":
        return _build_contains(sensitive, call[0], call[1])
    return _build_edge(
        {"startswith": "starts_with", "endswith": "ends_with"}[kind], sensitive, call[0], call[1]
    )


def _make_operator(kind: str, sensitive: bool, negated: bool) -> ScalarFunction:
    name = ("!" if negated else "") + kind + ("_cs" if sensitive else "")
    head = parse_signature(f"{name}(text: string, part: string): bool")

    def build_text_test(call: Arguments) -> exp.Expr:
        found = _build_term_test(kind, sensitive, call)
        return nodes.build_not(exp.Paren(this=found)) if negated else found

    summary = f"Tell whether a text {'does not' if negated else 'does'} {kind}{' (by case)' if sensitive else ''} another."
    return ScalarFunction(
        name, (head,), summary, "text_operators", {"duckdb": build_text_test}, nullable=False, hidden=True
    )


_KINDS = ("has", "hasprefix", "hassuffix", "contains", "startswith", "endswith")
for _kind in _KINDS:
    for _sensitive in (False, True):
        for _negated in (False, True):
            _made = _make_operator(_kind, _sensitive, _negated)
            globals()[f"operator {_made.name}"] = _made  # no name of Python, so that it replaces no other


@declare_function("=~(left: string, right: string): bool", nullable=False, hidden=True)
def equal_ignoring_case(call: Arguments) -> exp.Expr:
    """Tell whether two texts are equal but for case."""
    return nodes.build_binary("=", lower_case(call[0]), lower_case(call[1]))


@declare_function("!~(left: string, right: string): bool", nullable=False, hidden=True)
def different_ignoring_case(call: Arguments) -> exp.Expr:
    """Tell whether two texts differ by more than case."""
    return nodes.build_binary("<>", lower_case(call[0]), lower_case(call[1]))


@declare_function("matches regex(text: string, pattern: string): bool", nullable=False, hidden=True)
def matches(call: Arguments) -> exp.Expr:
    """Tell whether a regular expression is found in a text."""
    found = nodes.build_call("regexp_matches", call[0], get_pattern_argument(call, 1))
    return (
        found
        if call.is_constant(1)
        else nodes.build_coalesce(nodes.build_try(found), nodes.build_boolean(False))
    )


ANY_TERM = declare_macro("kql_has_any(x, l)", "len(list_filter(l, lambda e: kql_has(x, e))) > 0", HAS)
ALL_TERMS = declare_macro("kql_has_all(x, l)", "len(list_filter(l, lambda e: NOT kql_has(x, e))) = 0", HAS)
TEXTS = declare_macro(
    "kql_element_texts(x)",
    "CASE WHEN x[1] = '[' THEN list_transform(CAST(json_extract(x, '$[*]') AS JSON[]), lambda e: "
    "coalesce(json_extract_string(e, '$'), '')) "
    "WHEN x IS NULL THEN CAST([] AS VARCHAR[]) ELSE [coalesce(json_extract_string(x, '$'), '')] END",
)


def _build_terms(call: Arguments, connector: str) -> exp.Expr:
    together = _list_combinable_terms(call) if connector == "or" else []
    tests: list[exp.Expr] = []
    for first in range(0, len(together), AT_ONCE):
        terms = [call.get_text(place) for place in together[first : first + AT_ONCE]]
        tests.append(_build_any_term_test(call[0], terms, call))
    for place in sorted({*range(1, len(call))} - {*together}):
        item = call.bound[place]
        if item.type == KqlType.DYNAMIC:
            routine = call.use(ANY_TERM if connector == "or" else ALL_TERMS)
            tests.append(
                exp.Paren(
                    this=nodes.build_call(routine, call[0], nodes.build_call(call.use(TEXTS), call[place]))
                )
            )
        else:
            known = item.value if isinstance(item, Constant) and isinstance(item.value, str) else None
            tests.append(build_term_test("has", False, call[0], call[place], known, call))
    return (
        nodes.build_chain(connector, [exp.Paren(this=test) for test in tests])
        if tests
        else nodes.build_boolean(connector == "and")
    )


def _build_any_term_test(text: exp.Expr, terms: Sequence[str], call: Arguments) -> exp.Expr:
    """Return whether a text has one of several ASCII terms, which one pattern finds."""
    found = find_terms(text, lambda apart: build_any_term_pattern(terms, apart), call)
    if len(terms) >= SEVERAL:
        return found
    parts = [nodes.build_call("contains", lower_case(text), nodes.build_text(term.lower())) for term in terms]
    return nodes.build_binary("and", exp.Paren(this=nodes.build_chain("or", parts)), found)


def _list_combinable_terms(call: Arguments) -> list[int]:
    """The places of the terms that one pattern can find: constants in ASCII, where there are several."""
    values = [item.value if isinstance(item, Constant) else None for item in call.bound]
    found = [
        place
        for place, value in enumerate(values)
        if place
        and isinstance(value, str)
        and call.types[place] == KqlType.STRING
        and value.isascii()
        and value
    ]
    return found if len(found) > 1 else []


@declare_function("has_any(text: string, terms: string|dynamic, ...): bool", nullable=False, hidden=True)
def has_any(call: Arguments) -> exp.Expr:
    """Tell whether a text has one of the terms."""
    return _build_terms(call, "or")


@declare_function("has_all(text: string, terms: string|dynamic, ...): bool", nullable=False, hidden=True)
def has_all(call: Arguments) -> exp.Expr:
    """Tell whether a text has all terms."""
    return _build_terms(call, "and")
