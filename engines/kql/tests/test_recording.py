"""What the runner of rules takes for the workspace of the recording."""

from __future__ import annotations

import kql_recording
import kql_rule_files

from nephoscope_kql.catalog import MemoryCatalog, StoredFunction

Rule = kql_rule_files.Rule
CATALOG = MemoryCatalog.of(
    {"T": [("a", "long")], "Shadow": [("a", "long")]},
    [StoredFunction(name, "T") for name in ("Needed", "Fuzzy", "Wrong", "Unused", "Shadow")],
)


def test_a_function_that_no_good_record_needs_is_taken_as_lacking() -> None:
    rules = [
        Rule("1", "Needed | count", 0, ()),
        Rule("2", "union isfuzzy=true Fuzzy, T", 0, ()),
        Rule("3", "Fuzzy | count", 1, None),
        Rule("4", "Wrong | join (Needed) on a", 1, None),
        Rule("5", "Shadow | count", 0, ()),
    ]
    assert kql_recording.lacking(rules, CATALOG) == {"Fuzzy", "Wrong"}
    assert kql_recording.without(CATALOG, ["Fuzzy"]).find_function("Fuzzy") is None


def test_columns_that_come_from_what_was_lacking_are_left_out() -> None:
    recorded = (
        *(("a_string", "string"), ("a_unknown", "unknown"), ("b_int", "int"), ("b_string", "string")),
        *(("b_unknown", "unknown"), ("c", "unknown"), ("d", "unknown"), ("e_long", "long")),
    )
    assert kql_recording.resolved(recorded, ["a", "d"]) == (
        *(("a", "string"), ("b_int", "int"), ("b_string", "string")),
        *(("d", "unknown"), ("e_long", "long")),
    )
