"""Columns without a value in wide results of the logs page."""

from __future__ import annotations

import csv
import html
import io
import re


def test_columns_without_a_value_are_left_out_of_wide_results(owner):
    nulls = ", ".join(f"n{place} = int(null), s{place} = ''" for place in range(30))
    query = f"print Kept = 'x', Zero = 0, {nulls} | extend Last = false"
    text = owner.get("/logs", params={"query": query}).text
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', text)
    assert heads == ["Kept", "Zero", "Last"]
    assert "60 columns hidden, because all values are empty." in text
    (link,) = re.findall(r'href="([^"]*[?&;]empty=1)"', text)
    whole = owner.get(html.unescape(link)).text
    assert len(re.findall(r'<th scope="col"', whole)) == 63
    assert "hidden, because all values are empty" not in whole
    assert "left out" not in owner.get("/logs", params={"query": "print a = '', b = 1"}).text
    head, row = csv.reader(io.StringIO(owner.get("/logs", params={"query": query, "format": "csv"}).text))
    assert len(head) == len(row) == 63
    none = owner.get("/logs", params={"query": f"{query} | where false"}).text
    assert len(re.findall(r'<th scope="col"', none)) == 63
