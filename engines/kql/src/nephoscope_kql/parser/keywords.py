"""Words of the language that may be names, and where."""

from __future__ import annotations

CLAUSE_WORDS = frozenset(
    [
        "accumulate",
        "as",
        "by",
        "contains",
        "datatable",
        "earliest",
        "externaldata",
        "find",
        "has",
        "in",
        "invoke",
        "latest",
        "materialize",
        "mdm",
        "of",
        "print",
        "sample",
        "sample-distinct",
        "search",
        "set",
        "sql",
        "title",
        "to",
        "top-hitters",
        "top-nested",
        "toscalar",
        "totable",
        "verbose",
        "viewers",
        "where",
    ]
)
"""Names where something is declared (`title = 1`, `of: string`), never in an expression."""

RESERVED = frozenset(
    [
        "3Dchart",
        "and",
        "anomalychart",
        "areachart",
        "asc",
        "assert-schema",
        "bagexpansion",
        "barchart",
        "between",
        "bin_legacy",
        "boolean",
        "byte",
        "callout",
        "cancel",
        "card",
        "char",
        "columnchart",
        "contains_cs",
        "containscs",
        "cycles",
        "datascope",
        "date",
        "datetime",
        "decimal",
        "decodeblocks",
        "desc",
        "double",
        "dynamic",
        "encodingpolicy",
        "endswith",
        "endswith_cs",
        "expandoutput",
        "external_data",
        "first",
        "flags",
        "float",
        "force_remote",
        "has_all",
        "has_any",
        "has_cs",
        "hasprefix",
        "hasprefix_cs",
        "hassuffix",
        "hassuffix_cs",
        "hotcache",
        "int",
        "int16",
        "int32",
        "int64",
        "int8",
        "isfuzzy",
        "journal",
        "kind",
        "ladderchart",
        "last",
        "like",
        "likecs",
        "linechart",
        "long",
        "matches",
        "missing",
        "nooptimization",
        "notcontains",
        "notcontainscs",
        "notlike",
        "notlikecs",
        "or",
        "others",
        "pathformat",
        "piechart",
        "pivotchart",
        "project",
        "queries",
        "query_results",
        "real",
        "regex",
        "relaxed",
        "scatterchart",
        "seal",
        "seals",
        "simple",
        "stackedareachart",
        "startswith",
        "startswith_cs",
        "statistics",
        "string",
        "time",
        "timechart",
        "timeline",
        "timepivot",
        "timespan",
        "treemap",
        "uint",
        "uint16",
        "uint32",
        "uint64",
        "uint8",
        "ulong",
        "union",
        "uniqueid",
        "views",
        "with_itemindex",
        "with_match_id",
        "with_source",
        "with_step_name",
        "withsource",
    ]
) - {"regex"}
"""Names only in brackets: `['first']`."""

EXPRESSION_WORDS = frozenset(("kind", "withsource", "with_source"))
"""Reserved words that an expression admits as names all the same."""

TYPE_WORDS = frozenset(
    [
        "bool",
        "boolean",
        "date",
        "datetime",
        "decimal",
        "double",
        "dynamic",
        "guid",
        "int",
        "int32",
        "int64",
        "int8",
        "long",
        "real",
        "string",
        "time",
        "timespan",
        "uniqueid",
        "uuid",
    ]
)


_BOOLEANS = frozenset(("true", "True", "TRUE", "false", "False", "FALSE"))


def may_name(word: str) -> bool:
    """Return whether a word is a name in an expression."""
    return (may_declare(word) and word not in CLAUSE_WORDS) or word in EXPRESSION_WORDS


def may_declare(word: str) -> bool:
    """Return whether a word is a name where something is declared: before `=` or `:`."""
    return (
        word not in RESERVED
        and word[0] != "!"
        and word[-1] != "~"
        and not _is_dashed_word(word)
        and word not in _BOOLEANS
    )


def _is_dashed_word(word: str) -> bool:
    return "-" in word and word not in CLAUSE_WORDS
