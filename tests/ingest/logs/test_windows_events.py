"""Windows events as XML: what is broken in one of them takes no other along, and Microsoft's own queries find what nests in them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nephoscope_kql as kql
from nephoscope.ingest.logs import windows_event_splitter
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.parsed_batch import ParsedBatch
from nephoscope.ingest.logs.windows_event_splitter import EventCutter
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TABLES, WORKSPACE = Tables.builtin(), Workspace.from_name("default")
SPACE = "http://schemas.microsoft.com/win/2004/08/events/event"


def _event(number: int, data: str = "", computer: str = "ok", channel: str = "System") -> str:
    return (
        f"<Event xmlns='{SPACE}'><System><Provider Name='P'/><EventID>{number}</EventID>"
        f"<TimeCreated SystemTime='2026-06-01T10:00:00Z'/><Channel>{channel}</Channel><Computer>{computer}</Computer></System>"
        f"{data}</Event>"
    )


def _parsed(data: str | bytes, table: str = "", encoding: str = "cp1252") -> list[ParsedBatch]:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    context = StreamContext("events.xml", NOW, table=table, encoding=encoding)
    return list(read(stream, load_formats(), context, tables=TABLES, workspace=WORKSPACE))


def _rows(found: list[ParsedBatch], table: str = "Event") -> list[dict[str, Any]]:
    return [row for one in found if table in one.tables for row in one.tables[table].to_pylist()]


def _bad(found: list[ParsedBatch]) -> list[tuple[str, str, str]]:
    return [(entry.place, entry.reason, entry.raw) for one in found for entry in one.bad]


_WHOLE = _event(0, "<EventData><Data Name='Image'>b</Data></EventData>", "bad")
#: A broken event: how many entries it makes at least, and whether it is kept after all.
BROKEN = {
    "an ampersand": _WHOLE.replace(">b<", ">a & b<"),
    "an unknown entity": _WHOLE.replace(">b<", ">&b;<"),
    "a tag that is not closed": _WHOLE.replace("</Data>", ""),
    "a tag in a tag": _WHOLE.replace("<Data ", "<Data <Data "),
    "an attribute without quotes": _WHOLE.replace("'Image'", "Image"),
    "an attribute that is not closed": _WHOLE.replace("Image'", "Image"),
    "cut in the text": _WHOLE[:-30],
    "cut in its begin": _WHOLE[:20],
    "cut in its end": _WHOLE[:-1],
    "cut in its first tag": _WHOLE[:6],
    "without a begin": _WHOLE[10:],
    "an end of another name": _WHOLE.replace("</Event>", "</Evnt>"),
    "a CDATA section that is not closed": _WHOLE.replace(">b<", "><![CDATA[b<"),
    "a comment that is not closed": _WHOLE.replace(">b<", "><!-- b<"),
    "an instruction that is not closed": _WHOLE.replace(">b<", "><?b <"),
    "a document type": _WHOLE.replace(">b<", "><!DOCTYPE b [<!ENTITY c 'd'>]><"),
    "text": "nothing of XML",
    "no System": "<Event><EventData/></Event>",
    "empty": "<Event/>",
    "an id that is none": _WHOLE.replace("<EventID>0", "<EventID>none"),
    "two that run into each other": _WHOLE.replace("</Event>", "") + _WHOLE[_WHOLE.index("<System") :],
}
SOUND: list[Callable[[int], str]] = [
    lambda number: _event(number),
    lambda number: _event(number, "<EventData><Data><![CDATA[</Event><Event><System>]]></Data></EventData>"),
    lambda number: _event(
        number, "<!-- a comment --><EventData><Data>a --&gt; b ]]&gt; c --> d</Data></EventData>"
    ),
    lambda number: _event(number, "<!-- </Event> --><EventData><Data>a<!--</e:Event >--></Data></EventData>"),
    lambda number: _event(number, "<!-- <Event>a</Event> <Event/> --><EventData><Data>a</Data></EventData>"),
    lambda number: _event(number, "<UserData><Event><Inner>1</Inner></Event></UserData>"),
    lambda number: _event(number, "<UserData><Events><Event>1</Event></Events></UserData>"),
    lambda number: _event(number, "<EventData><Data>&#x1;\u0002\ufffe</Data></EventData>"),
    lambda number: _event(number).replace("</Event>", "</Event\n>"),
]


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("between", ["", "\n"], ids=["behind each other", "lines"])
@pytest.mark.parametrize("held", [True, False], ids=["document", "elements"])
def test_a_broken_event_takes_no_other_along(name: str, between: str, held: bool) -> None:
    numbers = range(1, 2 * len(SOUND) + 1)
    parts = [SOUND[number % len(SOUND)](number) for number in numbers]
    for at in (len(parts), len(parts) // 2, 1):
        parts.insert(at, BROKEN[name])
    text = between.join(parts)
    found = _parsed(f"<?xml version='1.0'?><Events>{text}</Events>" if held else text)
    assert [row["EventID"] for row in _rows(found) if row["Computer"] == "ok"] == list(numbers)
    entries = _bad(found)
    assert len(entries) >= 3
    assert all(reason and raw for _, reason, raw in entries)
    assert sum(one.outcome.records for one in found) == sum(
        one.outcome.whole + one.outcome.aside for one in found
    )


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a&#x1;b", r"a\u0001b"),
        ("a&#0;b", r"a\u0000b"),
        ("a&#xFFFE;b", r"a\ufffeb"),
        ("a&#xD800;b", r"a\ud800b"),
        ("a&#1114112;b", r"a\u110000b"),
        ("a\u0001b", r"a\u0001b"),
        ("a\ufffeb&#65;", r"a\ufffebA"),
        ("<![CDATA[a\u0001b&#x1;]]>", r"a\u0001b&#x1;"),
    ],
    ids=range(8),
)
def test_what_is_no_character_of_xml_is_spelled(written: str, kept: str) -> None:
    data = f"<EventData><Data Name='A'>{written}</Data></EventData>"
    for text in (f"<Events>{_event(1, data)}</Events>", f"{_event(1, data)}\n"):
        found = _parsed(text, "WindowsEvent")
        assert [json.loads(row["EventData"])["A"] for row in _rows(found, "WindowsEvent")] == [kept]
        assert not _bad(found)


def test_a_document_that_is_not_closed_is_told() -> None:
    for text, reason in (
        (f"<Events>{_event(1)}", windows_event_splitter.UNCLOSED),
        (f"<Events>{_event(1)}{_event(2)[:-9]}", windows_event_splitter.UNENDED),
        (f"<Events>{_event(1)}</Events", windows_event_splitter.STRAY),
    ):
        found = _parsed(text)
        assert [row["EventID"] for row in _rows(found)] == [1]
        assert reason in [why for _, why, _ in _bad(found)]


def test_declarations_of_name_spaces_above_an_event_are_those_of_it() -> None:
    event = _event(1).replace(f" xmlns='{SPACE}'", "").replace("<", "<e:").replace("<e:/", "</e:")
    found = _parsed(f"<e:Events xmlns:e='{SPACE}'>{event}<e:Event>{event}</e:Events>")
    assert [row["EventID"] for row in _rows(found)] == [1, 1]
    assert len(_bad(found)) == 1


def test_an_event_that_is_no_utf8_is_read_in_the_code_page() -> None:
    events = [_event(1, computer="M\u00fcller"), _event(2, computer="@"), _event(3)]
    text = f"<Events>{''.join(events)}</Events>"
    data = text.encode("cp1252").replace(b"@", b"\x81")
    found = _parsed(data)
    assert [row["Computer"] for row in _rows(found)] == ["M\u00fcller", "ok"]
    assert [one.recoded for one in found] == [1]
    ((place, reason, raw),) = _bad(found)
    assert place == "event 2"
    assert "--encoding" in reason
    assert "\\x81" in raw


@given(st.data())
@settings(max_examples=60)
def test_the_events_do_not_depend_on_how_the_stream_is_read(draw: st.DataObject) -> None:
    parts = draw.draw(st.lists(st.sampled_from([*BROKEN.values(), *(make(1) for make in SOUND)]), max_size=6))
    data = ("<Events>" + "".join(parts) + draw.draw(st.sampled_from(["", "</Events>"]))).encode()
    data = data[: draw.draw(st.integers(0, len(data)))] if draw.draw(st.booleans()) else data
    whole = list(EventCutter(io.BytesIO(data)).pieces())
    assert list(EventCutter(io.BytesIO(data), draw.draw(st.integers(1, 64))).pieces()) == whole


def test_what_is_too_large_is_one_entry_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_event_splitter, "LONGEST", 20_000)
    for large in (
        _event(8, f"<EventData><Data>{'x' * 30_000}</Data></EventData>"),
        _event(8, f"<EventData><Data>{'x' * 90_000}")[:-9],
        "y" * 90_000,
    ):
        data = f"<Events>{_event(1)}{large}{_event(2)}</Events>".encode()
        pieces = list(EventCutter(io.BytesIO(data), 1000).pieces())
        assert [piece.data.decode() for piece in pieces if not piece.error] == [_event(1), _event(2)]
        assert [piece for piece in pieces if piece.error]
        assert all(len(piece.data) <= 60_000 for piece in pieces)


CLEARED = (
    "<UserData><LogFileCleared xmlns='http://manifests.microsoft.com/win/2004/08/windows/eventlog'>"
    "<SubjectUserName>kim</SubjectUserName><SubjectDomainName>CONTOSO</SubjectDomainName></LogFileCleared></UserData>"
)
APPLOCKER = "<UserData><RuleAndFileData xmlns='u'><FilePath>A.EXE</FilePath><FileHash>AB</FileHash></RuleAndFileData></UserData>"
NAMED = "<EventData><Data Name='Image'>a.exe</Data><Data Name='Hash'>b</Data></EventData>"


@pytest.mark.parametrize(
    ("data", "channel", "table", "expression", "value"),
    [
        (
            CLEARED,
            "Security",
            "SecurityEvent",
            "parse_xml(EventData).UserData.LogFileCleared.SubjectUserName",
            "kim",
        ),
        (CLEARED, "Security", "SecurityEvent", "Account", "CONTOSO\\kim"),
        (CLEARED, "Security", "SecurityEvent", "SubjectUserName", "kim"),
        (CLEARED, "Security", "WindowsEvent", "parse_json(EventData).SubjectUserName", "kim"),
        (
            CLEARED,
            "Security",
            "WindowsEvent",
            "parse_json(EventData).UserData.LogFileCleared.SubjectDomainName",
            "CONTOSO",
        ),
        (
            CLEARED,
            "System",
            "Event",
            "parse_xml(EventData).DataItem.UserData.LogFileCleared.SubjectUserName",
            "kim",
        ),
        (
            APPLOCKER,
            "Microsoft-Windows-AppLocker/EXE and DLL",
            "SecurityEvent",
            "parse_xml(EventData).UserData.RuleAndFileData.FileHash",
            "AB",
        ),
        (APPLOCKER, "Microsoft-Windows-AppLocker/EXE and DLL", "SecurityEvent", "FilePath", "A.EXE"),
        (NAMED, "Security", "SecurityEvent", "parse_xml(EventData).EventData.Data[0]['#text']", "a.exe"),
        (NAMED, "System", "Event", "parse_xml(EventData).DataItem.EventData.Data[1]['@Name']", "Hash"),
        (NAMED, "System", "WindowsEvent", "parse_json(EventData).Image", "a.exe"),
    ],
    ids=range(11),
)
def test_queries_find_the_data_where_azure_has_them(
    data: str, channel: str, table: str, expression: str, value: str
) -> None:
    for text in (f"<Events>{_event(1, data, channel=channel)}</Events>", _event(1, data, channel=channel)):
        found = _parsed(text, table)
        rows: pa.Table = found[0].tables[table]
        (answer,) = kql.run(
            f"{table} | project X = tostring({expression})", tables={table: rows}, now=NOW
        ).to_pylist()
        assert answer["X"] == value
