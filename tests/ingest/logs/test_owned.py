"""Tables with a category have one format: their own, or the one that goes by the content."""

from __future__ import annotations

from nephoscope.ingest.logs.categories import load_category_tables
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.resource_specific import FORMAT, OWNED, OWNED_PREFIXES


def test_owned_tables_are_those_that_another_format_writes() -> None:
    named = {table for key, table in load_category_tables().items() if ":" in key}
    others = {table for form in load_formats().records if form is not FORMAT for table in form.tables}
    assert set(FORMAT.tables) == named - others
    assert {table for table in named & others if not table.startswith(OWNED_PREFIXES)} == OWNED
