"""Functions of text: length, parts, search, joining, replacing, code points."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.declaration import (
    apply_routine,
    declare_macro,
    declare_rowwise,
    declare_scalar_macro,
)
from nephoscope_kql.functions.regex import get_pattern_argument, quote_pattern
from nephoscope_kql.functions.size_guard import GROWTH, MOST, ROOM, guard_value_size
from nephoscope_kql.functions.tostring import get_text_argument
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

LIMIT = "1073741824"
"""No text is that long: positions are cut to it before they are added up."""


@declare_function("strlen(text: string): long", nullable=False)
def strlen(call: Arguments) -> exp.Expr:
    """Count the characters (code points) of a text."""
    return nodes.build_call("length", call[0])


@declare_function("string_size(text: string): long", nullable=False)
def string_size(call: Arguments) -> exp.Expr:
    """Count the bytes of a text in UTF-8."""
    return nodes.build_call("strlen", call[0])


@declare_function("tolower(text: text): string", nullable=False)
def tolower(call: Arguments) -> exp.Expr:
    """Write a text in lower case."""
    return nodes.build_call("lower", call[0])


@declare_function("toupper(text: text): string", nullable=False)
def toupper(call: Arguments) -> exp.Expr:
    """Write a text in upper case."""
    return nodes.build_call("upper", call[0])


@declare_function("reverse(value: any): string", nullable=False)
def reverse(call: Arguments) -> exp.Expr:
    """Write a text backwards."""
    return nodes.build_call("reverse", get_text_argument(call, 0))


_CUT = (
    f"CASE WHEN a >= 0 THEN least(a, {LIMIT}) ELSE greatest(length(s) + greatest(a, -{LIMIT}), -{LIMIT}) END"
)
_TO = f"{_CUT.replace('CASE', '(CASE', 1)}) + greatest(least(n, {LIMIT}), 0)"
_SUBSTRING = declare_macro(
    "kql_substring(s, a, n)",
    f"substring(s, greatest(0, {_CUT}) + 1, greatest(0, ({_TO}) - greatest(0, {_CUT})))",
)
_REST = declare_macro("kql_rest(s, a)", f"substring(s, greatest(0, {_CUT}) + 1)")


@declare_function("substring(text: any, start: long, [length: long]): string")
def substring(call: Arguments) -> exp.Expr:
    """Give a part of a text, from a 0-based start; a negative one counts from the end."""
    start = call.bound[1]
    text = get_text_argument(call, 0)
    simple = isinstance(start, Constant) and isinstance(start.value, int) and 0 <= start.value < 2**31
    size = call.bound[2] if len(call) > 2 else None
    if simple and isinstance(start, Constant) and isinstance(start.value, int):
        if size is None:
            return nodes.build_call("substring", text, nodes.build_number(start.value + 1))
        if isinstance(size, Constant) and isinstance(size.value, int):
            length = nodes.build_number(min(max(0, size.value), 2**31))
            return nodes.build_call("substring", text, nodes.build_number(start.value + 1), length)
    return (
        apply_routine(call, _REST, text, call[1])
        if size is None
        else apply_routine(call, _SUBSTRING, text, call[1], call[2])
    )


_PIECE = declare_macro(
    "kql_piece(x, i)", "CASE WHEN i >= 0 AND i < len(x) THEN CAST(to_json([x[i + 1]]) AS VARCHAR) END"
)


@declare_function("split(text: text, delimiter: string, [index: long]): dynamic", nullable=False)
def split(call: Arguments) -> exp.Expr:
    """Cut a text at every delimiter into an array; with an index the array of that one part."""
    pieces = nodes.build_call("string_split", call[0], call[1])
    if len(call) > 2:
        return apply_routine(call, _PIECE, pieces, call[2])
    return nodes.build_cast(nodes.build_call("to_json", pieces), "VARCHAR")


@declare_function("strcat(value: any, ...): string", nullable=False)
def strcat(call: Arguments) -> exp.Expr:
    """Join values as text."""
    texts = [get_text_argument(call, place) for place in range(len(call))]
    return nodes.concatenate_texts(texts) if len(texts) > 1 else texts[0]


@declare_function("strcat_delim(delimiter: any, value: any, ...): string", nullable=False)
def strcat_delim(call: Arguments) -> exp.Expr:
    """Join values as text with a delimiter between them."""
    return nodes.build_call("concat_ws", *(get_text_argument(call, place) for place in range(len(call))))


ITEM_TEXTS = declare_macro(
    "kql_item_texts(x)",
    "CASE WHEN json_type(x) = 'ARRAY' THEN list_transform(CAST(json_extract_string(x, '$[*]') AS VARCHAR[]), "
    "lambda e: coalesce(e, '')) END",
)


_JOINED_BY = declare_macro(
    "kql_joined_by(l, d, n)",
    guard_value_size(
        # a delimiter before each element, and the first one cut off: what joins them takes none that a row gives
        "substring(array_to_string(list_transform(l, lambda e: d || e), ''), length(d) + 1)",
        "n + len(l) * strlen(d)",
    ),
    ROOM,
)


@declare_function("strcat_array(array: dynamic, delimiter: any): string", aliases=("array_strcat",))
def strcat_array(call: Arguments) -> exp.Expr:
    """Join the elements of an array as text with a delimiter between them."""
    texts, delimiter = apply_routine(call, ITEM_TEXTS, call[0]), get_text_argument(call, 1)
    given = call.bound[1]
    if isinstance(given, Constant) and len(str(given.value)) <= GROWTH:
        return nodes.build_call("array_to_string", texts, delimiter)
    return nodes.build_coalesce(
        apply_routine(call, _JOINED_BY, texts, delimiter, nodes.build_call("strlen", call[0])),
        nodes.build_text(""),
    )


_REPEATED = declare_macro(
    "kql_strrep(s, n, d)",
    "CASE WHEN n <= 0 THEN '' ELSE "
    + guard_value_size(
        # constants are computed before there is room: no more is made of them than there may be
        f"s || repeat(d || s, CAST(least(n, 1024, {MOST} // greatest(strlen(s) + strlen(d), 1)) AS INTEGER) - 1)",
        "least(n, 1024) * (strlen(s) + strlen(d))",
    )
    + " END",
    ROOM,
)


@declare_function("strrep(value: any, times: long, [delimiter: any]): string")
def strrep(call: Arguments) -> exp.Expr:
    """Repeat a value as text, up to 1024 times, with a delimiter between."""
    delimiter = get_text_argument(call, 2) if len(call) > 2 else nodes.build_text("")
    return apply_routine(call, _REPEATED, get_text_argument(call, 0), call[1], delimiter)


strcmp = declare_scalar_macro(
    __name__,
    "strcmp(left: text, right: text): long",
    summary="Compare two texts by code points: -1, 0 or 1.",
    nullable=False,
    routine=declare_macro(
        "kql_strcmp(a, b)", "CASE WHEN a < b THEN CAST(-1 AS BIGINT) WHEN a > b THEN 1 ELSE 0 END"
    ),
)

_PART = f"kql_substring(s, a, CASE WHEN n < 0 THEN {LIMIT} ELSE least(n, {LIMIT}) + length(m) - 1 END)"
_BASE = f"greatest(0, {_CUT})"
_INDEX = declare_macro(
    "kql_indexof(s, m, a, n)",
    f"CASE WHEN instr({_PART}, m) = 0 THEN -1 ELSE instr({_PART}, m) - 1 + {_BASE} END",
    _SUBSTRING,
)
_NTH = declare_macro(
    "kql_indexof_nth(s, m, a, n, k)",
    f"CASE WHEN k < 1 THEN NULL WHEN m = '' OR len(string_split({_PART}, m)) <= k THEN -1 "
    f"ELSE list_sum(list_transform(string_split({_PART}, m)[1:k], lambda p: length(p))) + (k - 1) * "
    f"length(m) + {_BASE} END",
    _SUBSTRING,
)


@declare_function("indexof(text: any, match: any, [start: long], [length: long], [occurrence: long]): long")
def indexof(call: Arguments) -> exp.Expr:
    """Give the 0-based place where a text stands in another, -1 where it does not."""
    text, match = get_text_argument(call, 0), get_text_argument(call, 1)
    if len(call) == 2:
        return nodes.build_binary("-", nodes.build_call("instr", text, match), nodes.build_number(1))
    start = call[2]
    length = call[3] if len(call) > 3 else nodes.build_number(-1)
    if len(call) < 5:
        return apply_routine(call, _INDEX, text, match, start, length)
    return nodes.build_cast(apply_routine(call, _NTH, text, match, start, length, call[4]), "BIGINT")


_COUNT = declare_macro(
    "kql_countof(s, m)",
    "CASE WHEN m = '' THEN 0 ELSE len(list_filter(range(greatest(0, length(s) - length(m) + 1)), "
    "lambda i: substring(s, i + 1, length(m)) = m)) END",
)
_COUNT_APART = declare_macro(
    "kql_countof_apart(s, m)", "(length(s) - length(replace(s, m, ''))) // length(m)"
)


def _overlaps(text: str) -> bool:
    return any(text.startswith(text[place:]) for place in range(1, len(text)))


@declare_function("countof(text: string, search: string, [kind: const string]): long", nullable=False)
def countof(call: Arguments) -> exp.Expr:
    """Count how often a text stands in another (they may overlap), or how often a regular expression matches."""
    kind = call.get_text(2) if len(call) > 2 else "normal"
    if kind == "regex":
        return nodes.build_cast(
            nodes.build_call(
                "len", nodes.build_call("regexp_extract_all", call[0], get_pattern_argument(call, 1))
            ),
            "BIGINT",
        )
    if kind != "normal":
        raise call.make_error(2, "the kind is 'normal' or 'regex'")
    search = call.bound[1]
    if (
        isinstance(search, Constant)
        and isinstance(search.value, str)
        and search.value
        and not _overlaps(search.value)
    ):
        return apply_routine(call, _COUNT_APART, call[0], call[1])
    return apply_routine(call, _COUNT, call[0], call[1])


_REPLACED = declare_macro(
    "kql_replaced(s, m, r)",
    guard_value_size(
        "replace(s, m, r)",
        "strlen(s) * greatest(1, strlen(r))",
        "strlen(s) + (strlen(s) - strlen(replace(s, m, ''))) // greatest(1, strlen(m)) * strlen(r)",
    ),
    ROOM,
)


def _build_replace(call: Arguments, text: exp.Expr, lookup: exp.Expr, rewrite: exp.Expr) -> exp.Expr:
    """The text with another in the place of every occurrence of one."""
    literal = isinstance(lookup, exp.Literal) and isinstance(rewrite, exp.Literal)
    if literal and len(str(rewrite.this)) <= GROWTH * len(str(lookup.this)):
        return nodes.build_call("replace", text, lookup, rewrite)
    return apply_routine(call, _REPLACED, text, lookup, rewrite)


@declare_function("replace_string(text: string, lookup: string, rewrite: string): string", nullable=False)
def replace_string(call: Arguments) -> exp.Expr:
    """Replace every occurrence of a text."""
    return _build_replace(call, call[0], call[1], call[2])


@declare_function(
    "replace_strings(text: string, lookups: const dynamic, rewrites: const dynamic): string", nullable=False
)
def replace_strings(call: Arguments) -> exp.Expr:
    """Replace every occurrence of several texts; what one put in is not replaced by another."""
    lookups, rewrites = call.get_value(1), call.get_value(2)
    if not isinstance(lookups, list) or not isinstance(rewrites, list) or len(lookups) != len(rewrites):
        raise call.make_error(2, "lookups and rewrites are arrays of one length")
    node = call[0]
    for place, lookup in enumerate(lookups):
        node = nodes.build_call(
            "replace", node, nodes.build_text(str(lookup)), nodes.build_text(chr(0xF0000 + place))
        )
    for place, into in enumerate(rewrites):
        node = _build_replace(call, node, nodes.build_text(chr(0xF0000 + place)), nodes.build_text(str(into)))
    return node


@declare_function(
    "translate(search: const string, replacement: const string, text: string): string", nullable=False
)
def translate(call: Arguments) -> exp.Expr:
    """Replace characters one for one; the last replacement stands for those that are left."""
    search, into = call.get_text(0), call.get_text(1)
    if into and len(into) < len(search):
        into += into[-1] * (len(search) - len(into))
    return nodes.build_call("translate", call[2], nodes.build_text(search), nodes.build_text(into))


_ANY_INDEX = declare_macro(
    "kql_has_any_index(s, v)",
    "coalesce(list_position(list_transform(kql_item_texts(v), lambda e: regexp_matches(s, "
    "'(?i)(^|[^\\p{L}\\p{Nd}])' || " + quote_pattern("e") + " || '($|[^\\p{L}\\p{Nd}])')), TRUE), 0) - 1",
    ITEM_TEXTS,
)


@declare_function("has_any_index(text: string, values: dynamic): long", nullable=False)
def has_any_index(call: Arguments) -> exp.Expr:
    """Give the place of the first value that stands as a term in a text, -1 where none does."""
    return nodes.build_cast(apply_routine(call, _ANY_INDEX, call[0], call[1]), "BIGINT")


@declare_function("isascii(value: any): bool", nullable=False)
def isascii(call: Arguments) -> exp.Expr:
    """Tell whether a text has only ASCII characters."""
    return nodes.build_call(
        "regexp_full_match", get_text_argument(call, 0), nodes.build_text(r"[\x00-\x7f]*")
    )


@declare_function("isutf8(value: any): bool", nullable=False)
def isutf8(call: Arguments) -> exp.Expr:
    """Tell whether a text is UTF-8; every text is."""
    return nodes.is_not_null(get_text_argument(call, 0))


@declare_function("unicode_codepoints_from_string(text: text): dynamic", aliases=("to_utf8",), nullable=False)
def unicode_codepoints_from_string(call: Arguments) -> exp.Expr:
    """Give the code points of a text as an array of numbers."""
    characters = nodes.build_call("regexp_extract_all", call[0], nodes.build_text("(?s)."))
    numbers = nodes.build_call(
        "list_transform", characters, nodes.build_lambda(lambda c: nodes.build_call("unicode", c), "c")
    )
    return nodes.build_cast(nodes.build_call("to_json", numbers), "VARCHAR")


_FROM_POINTS = declare_macro(
    "kql_points_text(x)",
    "CASE json_type(x) WHEN 'ARRAY' THEN array_to_string(list_transform(json_transform(x, '[\"BIGINT\"]'), "
    "lambda c: CASE WHEN c BETWEEN 0 AND 55295 OR c BETWEEN 57344 AND 1114111 THEN chr(CAST(c AS "
    "INTEGER)) ELSE '' END), '') "
    "WHEN 'UBIGINT' THEN kql_points_text_one(TRY_CAST(x AS BIGINT)) ELSE '' END",
    _ONE := declare_macro(
        "kql_points_text_one(c)",
        "CASE WHEN c BETWEEN 0 AND 55295 OR c BETWEEN 57344 AND 1114111 THEN chr(CAST(c AS INTEGER)) ELSE "
        "'' END",
    ),
)


@declare_function(
    "unicode_codepoints_to_string(value: long|dynamic, ...): string", aliases=("make_string",), nullable=False
)
def unicode_codepoints_to_string(call: Arguments) -> exp.Expr:
    """Make text of code points: numbers, or arrays of numbers."""
    parts = [
        apply_routine(call, _FROM_POINTS if kind == KqlType.DYNAMIC else _ONE, node)
        for node, kind in zip(call, call.types, strict=True)
    ]
    texts = [nodes.build_coalesce(part, nodes.build_text("")) for part in parts]
    return nodes.build_chain("||", texts) if len(texts) > 1 else texts[0]


def _encode_label(text: str) -> str:
    return text if text.isascii() else text.encode("punycode").decode("ascii")


def _decode_label(label: str) -> str | None:
    try:
        return label.encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return None


_DOTS = str.maketrans({"。": ".", "．": ".", "｡": "."})


def _format_encoded_domain(domain: str) -> str:
    labels = domain.translate(_DOTS).split(".")
    return ".".join(label if label.isascii() else "xn--" + _encode_label(label) for label in labels)


def _decode_domain(domain: str) -> str | None:
    labels = [
        _decode_label(label[4:]) if label.lower().startswith("xn--") else label for label in domain.split(".")
    ]
    return None if None in labels else ".".join(label for label in labels if label is not None)


punycode_from_string = declare_scalar_macro(
    __name__,
    "punycode_from_string(text: string): string",
    summary="Write text in Punycode.",
    routine=declare_rowwise("kql_punycode", ("VARCHAR",), "VARCHAR", _encode_label),
)
punycode_to_string = declare_scalar_macro(
    __name__,
    "punycode_to_string(text: string): string",
    summary="Read text that is written in Punycode.",
    routine=declare_rowwise("kql_unpunycode", ("VARCHAR",), "VARCHAR", _decode_label),
)
punycode_domain_to_string = declare_scalar_macro(
    __name__,
    "punycode_domain_to_string(domain: string): string",
    summary="Write the labels of a domain name in Punycode where they are not ASCII.",
    routine=declare_rowwise("kql_punycode_domain", ("VARCHAR",), "VARCHAR", _format_encoded_domain),
)
punycode_domain_from_string = declare_scalar_macro(
    __name__,
    "punycode_domain_from_string(domain: string): string",
    summary="Read a domain name whose labels are in Punycode.",
    routine=declare_rowwise("kql_unpunycode_domain", ("VARCHAR",), "VARCHAR", _decode_domain),
)
