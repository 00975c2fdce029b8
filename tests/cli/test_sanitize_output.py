"""What an estate calls its things is shown and never obeyed, in every format."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.cli.main import cli
from nephoscope.cli.outputs import list_formats
from nephoscope.cli.outputs.csv import escape_cell
from nephoscope.cli.outputs.markdown import _escape_text
from nephoscope.cli.terminal.sanitize_output import escape_controls, format_count, wrap_escaping_stream

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@given(st.text())
def test_plain_text_has_nothing_to_obey(text: str) -> None:
    shown = escape_controls(text)
    assert not [one for one in shown if unicodedata.category(one) == "Cc" and one not in "\t\n"]
    assert not OBEYED.search(shown)
    assert escape_controls(shown) == shown
    assert json.loads(escape_controls(json.dumps([text], ensure_ascii=False))) == [text]


@given(st.lists(st.text()))
def test_a_plain_stream_writes_plain_text(pieces: list[str]) -> None:
    out = io.StringIO()
    wrap_escaping_stream(out).writelines(pieces)
    assert out.getvalue() == escape_controls("".join(pieces))


@given(st.text())
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert escape_cell(text)[:1] not in set("=+-@\t\r\n＝＋－＠") - {""}
    assert escape_cell(text).endswith(text)


@given(st.text())
def test_no_markdown_cell_is_html_a_link_or_a_second_cell(text: str) -> None:
    shown = _escape_text(text)
    assert "<" not in shown
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[|\[`]", shown)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (1000, "1,000 records")]
)
def test_words_fit_their_number(count: int, words: str) -> None:
    assert format_count(count, "record") == words


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m\u202egnp\r\nx"


def test_names_with_control_characters_reach_no_output(tmp_path: Path) -> None:
    group = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
    body = {
        "id": f"{group}/providers/Microsoft.Storage/storageAccounts/x",
        "name": HOSTILE,
        "type": "Microsoft.Storage/storageAccounts",
        "tags": {"owner": HOSTILE},
        "properties": {"supportsHttpsTrafficOnly": False, "minimumTlsVersion": HOSTILE},
    }
    snapshot = tmp_path / "snapshot.json"
    snapshot.write_text(json.dumps([body]))
    common = ["--data", str(tmp_path / "data")]
    for form in list_formats():
        arguments = [*common, "scan", str(snapshot), "--no-history", "--group-by", "owner", "-o", form]
        text = CliRunner().invoke(cli, arguments).output
        assert "u001b" in text or form == "csv", form
        assert not OBEYED.search(text), form
        if form in ("json", "sarif"):
            json.loads(text)
        if form == "csv":
            assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1
