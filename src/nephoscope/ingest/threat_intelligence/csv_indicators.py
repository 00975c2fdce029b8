"""Lists of indicators as CSV: a row a value, whatever its columns are called, defanged or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nephoscope.files.tables.delimited import DelimitedFile, DelimitedLine
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.ingest.threat_intelligence.indicator import (
    BadItemError,
    IntelItem,
    RefusedItem,
    make_id,
    read_item,
)
from nephoscope.ingest.threat_intelligence.observable_type import guess_pattern

#: What a column can mean, and the headings (in small letters, without marks) that say so by themselves.
MEANINGS: Mapping[str, tuple[str, ...]] = {
    "value": ("value", "indicator", "ioc", "iocvalue", "indicatorvalue", "observable", "observablevalue", "ip", "ipaddress", "dstip",
              "address", "domain", "domainname", "url", "hash", "md5", "sha1", "sha256", "md5hash", "sha256hash", "email"),
    "id": ("id", "uuid", "indicatorid"),
    "name": ("name", "title", "malware", "threat", "family"),
    "description": ("description", "comment", "notes", "reference"),
    "confidence": ("confidence", "confidencescore", "confidencelevel", "score"),
    "valid_from": ("validfrom", "firstseen", "firstseenutc", "created", "dateadded", "date"),
    "valid_until": ("validuntil", "expires", "expiration", "expirationdatetime"),
    "modified": ("modified", "lastseen", "updated"),
    "labels": ("labels", "tags", "label"),
    "tlp": ("tlp", "tlplevel", "trafficlightprotocollevel"),
    "kind": ("threattype", "indicatortype"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndicatorColumns:
    """Meaning of the columns of a CSV file; values without a column apply to every row (`confidence`, days of validity, labels)."""

    by_meaning: Mapping[str, str]
    confidence: int | None = None
    days: int = 0
    source: str = ""

    @classmethod
    def of(
        cls,
        table: DelimitedFile,
        given: Mapping[str, str],
        *,
        confidence: int | None = None,
        days: int = 0,
        source: str = "",
    ) -> IndicatorColumns:
        """Return what was given, and for the rest what the headings say; BadItemError where no column holds the values."""
        for meaning, column in given.items():
            if meaning not in MEANINGS:
                raise BadItemError(f"a column cannot mean '{meaning}': {', '.join(MEANINGS)} are known")
            if column not in table.columns:
                raise BadItemError(
                    f"{table.path}: column {column!r} not found; available are {', '.join(table.columns)}"
                )
        plain = {"".join(filter(str.isalnum, name.lower())): name for name in reversed(table.columns)}
        found = {
            meaning: next((plain[one] for one in names if one in plain), "")
            for meaning, names in MEANINGS.items()
        }
        chosen = {meaning: column for meaning, column in {**found, **given}.items() if column}
        if "value" not in chosen:
            raise BadItemError(
                f"{table.path}: which of {', '.join(table.columns)} holds the values? Say --map value=COLUMN"
            )
        return cls(chosen, confidence, days, source)


def read_items(
    table: DelimitedFile, columns: IndicatorColumns, now: datetime
) -> Iterator[IntelItem | RefusedItem]:
    """Each row as an item, or why it is none."""
    for line in table.read_rows():
        try:
            yield read_item(_build_indicator(line, columns, now), now)
        except BadItemError as error:
            raw = table.delimiter.join(line.cells.values())
            yield RefusedItem(f"line {line.number}", str(error), raw[:1000])


def _build_indicator(line: DelimitedLine, columns: IndicatorColumns, now: datetime) -> dict[str, object]:
    def get_cell(meaning: str) -> str:
        return line.cells.get(columns.by_meaning.get(meaning, ""), "").strip()

    if line.wrong:
        raise BadItemError(line.wrong)
    pattern = guess_pattern(get_cell("value"))
    if pattern is None:
        raise BadItemError(
            f"{get_cell('value')[:100]!r} is not an address, URL, domain, email address or hash"
        )
    start = _parse_time(get_cell("valid_from"), "valid_from")
    end = _parse_time(get_cell("valid_until"), "valid_until")
    if end is None and columns.days:
        # a list that has it still lets it hold longer, but not twice a day
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        end = (start or today) + timedelta(days=columns.days)
    document: dict[str, object] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": make_id("indicator", columns.source, get_cell("id") or pattern),
        "name": get_cell("name") or get_cell("value"),
        "description": get_cell("description"),
        "pattern": pattern,
        "pattern_type": "stix",
        "labels": [
            *(one.strip() for one in get_cell("labels").replace(";", ",").split(",") if one.strip()),
            *([f"tlp:{get_cell('tlp').lower().removeprefix('tlp:')}"] if get_cell("tlp") else []),
        ],
    }
    confidence = _parse_confidence(get_cell("confidence"), columns.confidence)
    changed = _parse_time(get_cell("modified"), "modified") or start
    times = {"valid_from": start, "created": start, "modified": changed, "valid_until": end}
    document.update({name: value.isoformat() for name, value in times.items() if value is not None})
    if confidence is not None:
        document["confidence"] = confidence
    if get_cell("kind"):
        document["indicator_types"] = [get_cell("kind")]
    return document


def _parse_time(text: str, meaning: str) -> datetime | None:
    if not text:
        return None
    found = parse_moment(int(text)) if text.isdecimal() and len(text) > 8 else parse_moment(text)
    if found is None:
        raise BadItemError(f"{meaning}: {text[:60]!r} is not a time")
    return found


def _parse_confidence(text: str, default: int | None) -> int | None:
    words = {"high": 85, "medium": 60, "med": 60, "low": 30, "none": 0}
    if not text:
        return default
    if text.lower() in words:
        return words[text.lower()]
    try:
        found = float(text.rstrip("% "))
    except ValueError as error:
        raise BadItemError(f"confidence: {text[:60]!r} is not a number from 0 to 100") from error
    if not 0 <= found <= 100:
        raise BadItemError(f"confidence: {text[:60]} must be between 0 and 100")
    return round(found)
