"""Completion of a query while a user types it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from nephoscope_kql.errors import KqlError
from nephoscope_kql.known_options import CHARTS, STRATEGIES
from nephoscope_kql.parser import OPERATORS
from nephoscope_kql.parser.keywords import may_name
from nephoscope_kql.parser.lexer import Token, split_words
from nephoscope_kql.plan.function_signatures import Callee
from nephoscope_kql.plan.relations import JoinKind
from nephoscope_kql.registry import load_aggregates, load_functions
from nephoscope_kql.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nephoscope_kql.catalog import Catalog

Kind = Literal["operator", "statement", "clause", "column", "variable", "table", "function", "aggregate"]

SOURCES = ("union", "range", "print", "search", "find", "datatable", "externaldata", "macro-expand")
STATEMENTS = ("let", "set", "declare")

CLAUSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "summarize": ("by",),
        "join": ("kind=", "on", "$left", "$right"),
        "lookup": ("kind=", "on", "$left", "$right"),
        "sort": ("by", "asc", "desc", "nulls first", "nulls last"),
        "order": ("by", "asc", "desc", "nulls first", "nulls last"),
        "top": ("by", "asc", "desc"),
        "top-nested": ("of", "by", "with others="),
        "top-hitters": ("of", "by"),
        "sample-distinct": ("of",),
        "union": ("isfuzzy=", "kind=", "withsource="),
        "macro-expand": ("entity_group", "isfuzzy=", "kind=", "as"),
        "mv-expand": ("bagexpansion=", "with_itemindex=", "to typeof()", "limit"),
        "mv-apply": ("with_itemindex=", "to typeof()", "limit", "on"),
        "parse": ("kind=", "with"),
        "parse-where": ("kind=", "with"),
        "parse-kv": ("as", "with"),
        "make-series": ("default=", "on", "from", "to", "step", "by"),
        "partition": ("by",),
        "facet": ("by", "with"),
        "reduce": ("by", "with"),
        "range": ("from", "to", "step"),
        "render": (*sorted(CHARTS), "with"),
    }
)
"""Words that belong to an operator beside expressions."""

_JOINS = tuple(sorted(get_args(JoinKind)))
VALUES: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("join", "kind"): _JOINS,
        ("lookup", "kind"): ("inner", "leftouter"),
        ("union", "kind"): ("inner", "outer"),
        ("macro-expand", "kind"): ("inner", "outer"),
        ("macro-expand", "isfuzzy"): ("false", "true"),
        ("union", "isfuzzy"): ("false", "true"),
        ("search", "kind"): ("case_insensitive", "case_sensitive"),
        ("parse", "kind"): ("regex", "relaxed", "simple"),
        ("parse-where", "kind"): ("regex", "relaxed", "simple"),
        ("mv-expand", "bagexpansion"): ("array", "bag"),
        ("mv-expand", "kind"): ("array", "bag"),
        ("make-series", "kind"): ("nonempty",),
    }
)
"""What may follow `name=` of an operator's parameter."""

_NEGATED = (
    "between", "contains", "contains_cs", "endswith", "endswith_cs", "has", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix",
    "hassuffix_cs", "in", "in~", "startswith", "startswith_cs",
)  # fmt: skip
WORDS = ("and", "or", *_NEGATED, "has_all", "has_any", "matches regex")
"""Words between two operands; `_NEGATED` may have ! before them."""

_OPERANDS = frozenset(("text", "long", "real", "timespan", "typed"))
_NO_OPERANDS = frozenset(
    (
        "and",
        "or",
        "by",
        "on",
        "of",
        "from",
        "to",
        "step",
        "with",
        "not",
        "regex",
        *_NEGATED,
        "has_all",
        "has_any",
    )
)

_AGGREGATING = frozenset(("summarize", "make-series", "top-nested"))
_TABULAR = frozenset(("union", "join", "lookup"))
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Completion:
    """A text that may stand at the place, what it is, and its type, signature or summary."""

    text: str
    kind: Kind
    detail: str = ""


@dataclass(slots=True)
class _BracketContext:
    """What stands inside the innermost brackets before the place: a pipe, or a list of arguments."""

    start: int
    statement: int
    pipe: int = -1
    operator: str = ""
    brace: bool = True


def complete(text: str, position: int, catalog: Catalog) -> tuple[Completion, ...]:
    """Return what may be written at `position` (characters); the word that ends there is completed, its case is no matter.

    Columns first, then variables, tables, words of the language, aggregates and functions. A query that is wrong before the place
    gives fewer columns, never an error.
    """
    before = text[: max(0, min(position, len(text)))]
    found = split_words(before)
    if found.errors or any(comment.end == len(before) for comment in found.comments):
        return ()
    tokens = found.tokens[:-1]
    typed = _take_typed_word(tokens, len(before))
    previous = tokens[-1] if tokens else None
    if previous is not None and previous.text == ".":
        return ()
    offered = _offer_completions(before, tokens, previous, catalog)
    lowered = typed.lower()
    return tuple(dict.fromkeys(item for item in offered if item.text.lower().startswith(lowered)))


def _take_typed_word(tokens: list[Token], end: int) -> str:
    """The word that ends at the place, taken off the tokens; behind a pipe it may have a dash, `mv-`, that is no minus there."""
    typed = tokens.pop().text if tokens and tokens[-1].end == end and tokens[-1].kind == "name" else ""
    if len(tokens) > 2 and tokens[-1].text == "-" and tokens[-3].text == "|":
        name, dash = tokens[-2:]
        if name.end == dash.start and dash.end == end - len(typed):
            del tokens[-2:]
            return f"{name.text}-{typed}"
    return typed


def _offer_completions(
    before: str, tokens: list[Token], previous: Token | None, catalog: Catalog
) -> Iterator[Completion]:
    parts = _list_parts(tokens)
    inner = parts[-1]
    if previous is not None and previous.text == "|":
        yield from (Completion(word, "operator") for word in sorted(OPERATORS) if word != "__partitionby")
        return
    if previous is not None and previous.text == "evaluate":
        yield from _list_plugins()
        return
    pipes = [part for part in parts if part.operator]
    values = _list_parameter_words(tokens, pipes)
    if values:
        yield from (Completion(word, "clause") for word in values)
        return
    if previous is None or previous.text in (";", "{") or _starts_rows(inner, previous, pipes):
        if previous is not None and previous.text in _TABULAR and pipes:
            yield from (Completion(word, "clause") for word in CLAUSES[previous.text] if word.endswith("="))
        yield from _list_tables(tokens, catalog)
        if inner.brace:
            yield from (Completion(word, "statement") for word in STATEMENTS)
        return
    if not pipes:
        yield from _list_tables(tokens, catalog)
    else:
        if _is_operand_complete(previous, pipes[-1]):
            yield from (Completion(word, "clause") for word in _list_words(previous, pipes[-1].operator))
        yield from _complete_in_operator(before, pipes[-1], tokens, catalog)
    yield from _list_callables(load_functions().values(), "function")
    yield from _list_forms()


def _is_operand_complete(previous: Token, part: _BracketContext) -> bool:
    """Return whether a word of the language is likelier at the place than an operand: one has just ended, or none can stand there."""
    if previous.text in ("!", ")", "]") or previous.kind in _OPERANDS:
        return True
    if previous.text == part.operator:
        return part.operator == "render"
    return previous.kind == "name" and previous.text not in _NO_OPERANDS


def _list_words(previous: Token, operator: str) -> tuple[str, ...]:
    """The words that may follow an operand."""
    if previous.text == "!":
        return _NEGATED
    rows = operator == "render" or (operator in _TABULAR and previous.text == ")")
    return CLAUSES.get(operator, ()) + (() if rows else WORDS)


def _list_parameter_words(tokens: list[Token], pipes: list[_BracketContext]) -> tuple[str, ...]:
    """The words that an operator's parameter takes, where the place is behind `name=`; none elsewhere."""
    if len(tokens) < 2 or tokens[-1].text != "=" or not pipes:
        return ()
    if tokens[-2].text == "hint.strategy":
        return tuple(sorted(STRATEGIES))
    return VALUES.get((pipes[-1].operator, tokens[-2].text), ())


def _list_forms() -> Iterator[Completion]:
    """Return what looks like a function and is bound in its own way: `ago`, `now`, `toscalar`, `prev` ..."""
    from nephoscope_kql.reference_page import FORMS

    return (Completion(name, "function", FORMS[name][1]) for name in sorted(FORMS))


def _list_plugins() -> Iterator[Completion]:
    """The plugins that run, by name."""
    from nephoscope_kql.plugin_registry import load_plugins

    known = sorted(load_plugins().values(), key=lambda one: one.name)
    return (
        Completion(one.name, "function", one.signature) for one in known if one.bind and not one.is_internal
    )


def _starts_rows(inner: _BracketContext, previous: Token, pipes: list[_BracketContext]) -> bool:
    """Return whether a table starts here: behind union or join, or behind the parenthesis that opens their right side."""
    outer = pipes[-1].operator if pipes else ""
    if previous.text == "(" and not inner.operator:
        return outer in _TABULAR
    return (inner.operator in _TABULAR and previous.text == inner.operator) or (
        inner.operator == "union" and previous.text == ","
    )


def _complete_in_operator(
    before: str, part: _BracketContext, tokens: list[Token], catalog: Catalog
) -> Iterator[Completion]:
    rows = before[: part.statement] + before[part.start : part.pipe]
    yield from (Completion(_quote_name(name), "column", kind) for name, kind in _list_columns(rows, catalog))
    yield from _list_variables(tokens)
    yield from (Completion(word, "clause") for word in CLAUSES.get(part.operator, ()))
    if part.operator in _AGGREGATING:
        yield from _list_callables(load_aggregates().values(), "aggregate")


def _list_columns(rows: str, catalog: Catalog) -> tuple[tuple[str, str], ...]:
    """The columns of the rows before the place; none where that text is not right yet."""
    try:
        return tuple((name, kind.value) for name, kind in schema(rows, catalog))
    except KqlError:
        return ()


def _list_parts(tokens: list[Token]) -> list[_BracketContext]:
    """The pipe or list that the place is in, with those around it, outermost first."""
    parts = [_BracketContext(0, 0)]
    for place, token in enumerate(tokens):
        part = parts[-1]
        if token.kind not in ("mark", "name"):
            continue
        if token.text in _OPENING:
            parts.append(_BracketContext(token.end, part.statement, brace=token.text == "{"))
        elif token.text in _CLOSING and len(parts) > 1:
            parts.pop()
        elif token.text == ";" and part.brace:
            parts[-1] = _BracketContext(token.end, token.end if len(parts) == 1 else part.statement)
        elif token.text == "|":
            part.pipe = token.start
            part.operator = tokens[place + 1].text if place + 1 < len(tokens) else ""
        elif token.text in SOURCES and token.start == _find_first_word(tokens, part.start):
            part.pipe, part.operator = token.start, token.text
    return parts


def _find_first_word(tokens: list[Token], start: int) -> int:
    """Return where the first word at or behind an offset starts."""
    return next((token.start for token in tokens if token.start >= start), -1)


def _list_tables(tokens: list[Token], catalog: Catalog) -> Iterator[Completion]:
    yield from _list_variables(tokens)
    for name in sorted(catalog.names()):
        if catalog.find_table(name) is not None:
            yield Completion(_quote_name(name), "table")
        elif (stored := catalog.find_function(name)) is not None:
            yield Completion(_quote_name(name), "function", f"({stored.parameters})")
    yield from (Completion(word, "operator") for word in SOURCES)


def _list_variables(tokens: list[Token]) -> Iterator[Completion]:
    """The names that let statements gave before the place."""
    for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if first.text == "let" and third.text == "=" and second.kind == "name":
            yield Completion(second.text, "variable")


def _list_callables(items: Iterable[Callee], kind: Kind) -> Iterator[Completion]:
    shown = {item.name: item.summary for item in items if not item.hidden and item.name[0].isalpha()}
    yield from (Completion(name, kind, shown[name]) for name in sorted(shown) if may_name(name))


def _quote_name(name: str) -> str:
    """A name as a query writes it: in brackets where it has to be."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and may_name(name)
    return name if plain else "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"
