"""Threat intelligence in its formats: patterns, values as people write them, files with good and bad objects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.threat_intelligence.defanging import refang
from nephoscope.ingest.threat_intelligence.indicator import IntelItem, RefusedItem, Retraction
from nephoscope.ingest.threat_intelligence.indicator_files import (
    IndicatorFileOptions,
    UnreadableError,
    read_items,
)
from nephoscope.ingest.threat_intelligence.observable_type import guess_pattern, make_pattern
from nephoscope.ingest.threat_intelligence.pattern_comparisons import PatternError
from nephoscope.ingest.threat_intelligence.stix_pattern import list_observables

CASES = Path(__file__).parents[2] / "cases" / "intel"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "indicator--11111111-1111-4111-8111-11111111111"


def _cases(name: str) -> list[dict[str, Any]]:
    return yaml.load((CASES / name).read_text(), yaml.CSafeLoader)


@pytest.mark.parametrize("case", _cases("patterns.yaml"), ids=lambda case: case["pattern"])
def test_patterns(case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(PatternError) as raised:
            list_observables(case["pattern"])
        assert str(raised.value).startswith(case["refused"])
    else:
        assert [list(one) for one in list_observables(case["pattern"])] == case["observed"]


@pytest.mark.parametrize("case", _cases("observed.yaml"), ids=lambda case: case["text"])
def test_values_as_people_write_them(case: dict[str, Any]) -> None:
    assert guess_pattern(case["text"]) == case["pattern"]


@given(st.text(min_size=1, max_size=60).filter(lambda text: text.strip()))
def test_any_text_in_a_pattern_comes_back(text: str) -> None:
    assert list_observables(make_pattern("mutex:name", text)) == (("mutex:name", text.strip()),)


@given(st.from_regex(r"[a-z]{1,10}(\.[a-z]{2,10}){1,3}", fullmatch=True))
def test_what_is_defanged_comes_back(domain: str) -> None:
    assert refang(domain.replace(".", "[.]")) == domain
    assert refang("hxxps://" + domain.replace(".", "[.]") + "/x") == f"https://{domain}/x"
    assert refang(refang(domain)) == refang(domain)


def indicator(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "type": "indicator",
        "id": f"{ID}{number}",
        "pattern": f"[ipv4-addr:value = '198.51.100.{number}']",
        "pattern_type": "stix",
        "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-02T00:00:00Z",
        **changes,
    }


def read(
    tmp_path: Path, text: str | bytes, name: str = "a.json", **how: Any
) -> tuple[list[IntelItem], list[RefusedItem]]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = list(read_items(path, IndicatorFileOptions(**how), NOW))
    return [one for one in found if isinstance(one, IntelItem)], [
        one for one in found if isinstance(one, RefusedItem)
    ]


SHAPES = {
    "bundle": lambda several: json.dumps({"type": "bundle", "objects": several}),
    "list": json.dumps,
    "a line each": lambda several: "\n".join(map(json.dumps, several)),
    "envelope": lambda several: json.dumps({"more": False, "objects": several}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_stix_in_every_shape(tmp_path: Path, shape: str) -> None:
    good, bad = read(
        tmp_path, SHAPES[shape]([indicator(1), indicator(2, confidence=80), indicator(3, id="x")])
    )
    assert [one.observables[0][1] for one in good] == ["198.51.100.1", "198.51.100.2"]
    assert [one.confidence for one in good] == [None, 80]
    place = {"bundle": "objects[2]", "envelope": "objects[2]", "list": "[2]", "a line each": "line 3"}[shape]
    assert [(one.place, one.reason) for one in bad] == [(place, "id 'x' is not indicator--UUID")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pattern": None}, "an indicator requires a pattern"),
        ({"pattern_type": "snort"}, "pattern_type: must be stix (got 'snort')"),
        ({"valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, "valid_until must be after"),
        ({"modified": "soon"}, "modified: 'soon' is not a time"),
        ({"confidence": 101}, "confidence must be a whole number"),
        ({"confidence": True}, "confidence must be a whole number"),
        ({"revoked": "yes"}, "revoked is true or false"),
        ({"name": "x" * 300_000}, "the object exceeds 256 KiB"),
        ({"id": "malware--11111111-1111-4111-8111-111111111111"}, "id"),
        ({"pattern": "[ipv4-addr:value = '" + "1" * 20_000 + "']"}, "pattern: over 16,384 characters"),
    ],
)  # fmt: skip
def test_bad_objects_are_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    good, bad = read(tmp_path, json.dumps([indicator(1, **changes), indicator(2)]))
    assert len(good) == 1
    assert bad[0].place == "[0]"
    assert bad[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type": "bundle",\n "objects": [}', "line 2, column 14"),
        ("[" * 20_000, "nests too deeply"),
        ("", "not JSON"),
        ("\xff\xfe", "not JSON"),
    ],
)
def test_a_file_that_is_none_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        read(tmp_path, text.encode("latin-1"))
    assert said in str(raised.value)


def test_what_has_no_end_or_confidence_gets_those_that_are_given(tmp_path: Path) -> None:
    good, _ = read(tmp_path, json.dumps([indicator(1), indicator(2, confidence=10)]), confidence=70, days=30)
    assert [one.confidence for one in good] == [70, 10]
    assert good[0].valid_until == datetime(2026, 2, 1, tzinfo=UTC)


EVENT = {
    "Event": {
        "info": "phishing",
        "threat_level_id": "1",
        "Tag": [{"name": "tlp:amber"}],
        "Attribute": [
            {"uuid": f"{ID[11:]}1", "type": "ip-dst", "value": "198.51.100.1", "to_ids": True, "timestamp": "1767225600"},
            {"uuid": f"{ID[11:]}2", "type": "domain|ip", "value": "bad.example|198.51.100.2", "to_ids": True,
             "timestamp": "1767225600", "deleted": True},
            {"uuid": f"{ID[11:]}3", "type": "comment", "value": "context", "to_ids": False, "timestamp": "1767225600"},
            {"uuid": f"{ID[11:]}4", "type": "btc", "value": "1x", "to_ids": True, "timestamp": "1767225600"},
        ],
        "Object": [
            {"Attribute": [{"uuid": f"{ID[11:]}5", "type": "filename|md5", "value": "a.exe|d41d8cd98f00b204e9800998ecf8427e",
                            "to_ids": True, "timestamp": "1767225600",
                            "Tag": [{"name": 'misp:confidence-level="fairly-confident"'}]}]},
        ],
    }
}  # fmt: skip


@pytest.mark.parametrize(
    "wrapped", [EVENT, {"response": [EVENT]}, [EVENT]], ids=["event", "response", "list"]
)
def test_misp_events(tmp_path: Path, wrapped: Any) -> None:
    good, bad = read(tmp_path, json.dumps(wrapped))
    assert [(one.observables[0], one.revoked, one.confidence) for one in good] == [
        (("ipv4-addr:value", "198.51.100.1"), False, 85),
        (("file:hashes.'MD5'", "d41d8cd98f00b204e9800998ecf8427e"), False, 50),
    ]
    assert [one.reason for one in bad] == ["attributes of type btc are not matched"]
    assert bad[0].place.endswith("Event.Attribute[3]")


def attribute(**changes: Any) -> dict[str, Any]:
    return {
        "uuid": f"{ID[11:]}1",
        "type": "ip-dst",
        "value": "198.51.100.1",
        "to_ids": True,
        "timestamp": "1767225600",
        **changes,
    }


def misp_read(tmp_path: Path, event: dict[str, Any], **how: Any) -> list[Any]:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"Event": event}))
    return list(read_items(path, IndicatorFileOptions(**how), NOW))


@pytest.mark.parametrize(
    "event",
    [
        {"Attribute": [attribute(to_ids=False)]},
        {"Attribute": [attribute(to_ids="0")]},
        {"Attribute": [attribute(to_ids=None, type="btc")]},
        {"Attribute": [attribute(deleted=True)]},
        {"Attribute": [attribute(deleted="1")]},
        {"Object": [{"deleted": True, "Attribute": [attribute()]}]},
        {"deleted": True, "Attribute": [attribute()]},
        {"deleted": True, "Object": [{"Attribute": [attribute()]}]},
    ],
)
def test_misp_takes_back_what_is_deleted_or_not_to_be_detected_with(
    tmp_path: Path, event: dict[str, Any]
) -> None:
    assert misp_read(tmp_path, event) == [Retraction(f"{ID}1", datetime(2026, 1, 1, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("changes", "level", "given", "confidence"),
    [
        ({}, "1", None, 85),
        ({}, "2", None, 60),
        ({}, "3", None, 50),
        ({}, "4", None, 50),
        ({}, None, None, 50),
        ({}, "1", 30, 30),
        ({"Tag": [{"name": 'misp:confidence-level="rarely-confident"'}]}, "1", None, 25),
        ({"Tag": [{"name": 'misp:confidence-level="usually-confident"'}]}, "3", 10, 75),
        ({"Tag": [{"name": "confident"}, 7, {"name": None}]}, "3", None, 50),
    ],
)  # fmt: skip
def test_how_sure_misp_is(
    tmp_path: Path, changes: dict[str, Any], level: str | None, given: int | None, confidence: int
) -> None:
    (one,) = misp_read(
        tmp_path, {"threat_level_id": level, "Attribute": [attribute(**changes)]}, confidence=given
    )
    assert one.confidence == confidence


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (7, "an attribute is a JSON object"),
        (attribute(uuid="x"), "an attribute requires uuid and value"),
        (attribute(value=["198.51.100.1"]), "an attribute requires uuid and value"),
        (attribute(type={}), "attributes of type {} are not matched"),
        (attribute(value="198.51.100.1/33"), "'198.51.100.1/33' is not an address"),
    ],
)
def test_attributes_of_wrong_types_are_refused(tmp_path: Path, one: Any, said: str) -> None:
    (refused,) = misp_read(tmp_path, {"Attribute": [one]})
    assert (refused.place, refused.reason) == ("Event.Attribute[0]", said)


@pytest.mark.parametrize("timestamp", ["9" * 5000, "²", "soon", [], 10**400, -1.5, True])
def test_times_of_wrong_types_are_no_times(tmp_path: Path, timestamp: Any) -> None:
    event = {"Attribute": [attribute(timestamp=timestamp), attribute(timestamp=timestamp, to_ids=False)]}
    good, taken_back = misp_read(tmp_path, event)
    assert isinstance(good, IntelItem)
    assert isinstance(taken_back, Retraction)


TABLE = """# feed
indicator;score;comment;expires
198.51.100[.]8;90;"a;b";2026-04-01
evil[.]example;high;;
nothing;1;;
198.51.100.9;101;;
a;b
"""


def test_tables(tmp_path: Path) -> None:
    good, bad = read(tmp_path, TABLE, "list.csv", days=10)
    assert [(one.observables[0][1], one.confidence, one.valid_until) for one in good] == [
        ("198.51.100.8", 90, datetime(2026, 4, 1, tzinfo=UTC)),
        ("evil.example", 85, NOW.replace(hour=0) + timedelta(days=10)),
    ]
    assert [(one.place, one.reason.split(":")[0]) for one in bad] == [
        ("line 5", "'nothing' is not an address, URL, domain, email address or hash"),
        ("line 6", "confidence"),
        ("line 7", "2 cells, but 4 columns"),
    ]
    again, _ = read(tmp_path, TABLE, "list.csv", days=10)
    assert [one.id for one in again] == [one.id for one in good]


def test_columns_of_a_table_can_be_named(tmp_path: Path) -> None:
    text = "wer,was\nme,198.51.100.7\n"
    with pytest.raises(UnreadableError, match="--map value=COLUMN"):
        read(tmp_path, text, "a.csv")
    with pytest.raises(UnreadableError, match="column 'wo' not found; available are wer, was"):
        read(tmp_path, text, "a.csv", columns={"value": "wo"})
    good, _ = read(tmp_path, text, "a.csv", columns={"value": "was", "name": "wer"})
    assert good[0].document["name"] == "me"
