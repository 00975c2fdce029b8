"""Sign-in timeline: sign-ins of the time range by place, a lane for each, with the risk detections where they happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from nephoscope.geolocation.packaged_data import load_country_names
from nephoscope.model.identity_risk import RiskDetection
from nephoscope.web.page_data.alert_timeline import LABELS, name_time
from nephoscope.web.rendering.formatting import count_text
from nephoscope.web.rendering.readable_text import humanize_name
from nephoscope.web.rendering.time_lanes import LaneMark, TimeLane, draw_lane

#: Places that are drawn: those of the latest sign-ins.
MOST_PLACES = 10


@dataclass(frozen=True, slots=True)
class SignInPlace:
    """Sign-ins from a country and network within the time range: how many, how many failed, the last, and by which clients.

    `slots` has (sign-ins, failed) by the begin of a part of the range, `risks` the detections there.
    """

    country: str
    network: str
    count: int
    failed: int
    last: datetime
    clients: Sequence[str] = ()
    slots: Mapping[datetime, tuple[int, int]] = field(default_factory=dict)
    risks: Sequence[RiskDetection] = ()

    @property
    def name(self) -> str:
        """Return what people call the country."""
        return load_country_names().get(self.country, self.country) or "Unknown place"


@dataclass(frozen=True, slots=True)
class SignInStrip:
    """The drawing: a lane for each place, and the times that stand below all of them."""

    lanes: Sequence[tuple[SignInPlace, Markup]]
    labels: Sequence[str]


def group_places(
    rows: Iterable[Mapping[str, object]], detections: Sequence[RiskDetection], since: datetime
) -> list[SignInPlace]:
    """Group rows of sign-ins, one for each place and part of the range, by place: the latest first.

    A detection stands at the place that its address signed in from; one without a sign-in of its address has a place of its own.
    """
    by_place: defaultdict[tuple[str, str], list[Mapping[str, object]]] = defaultdict(list)
    for row in rows:
        network = row["AutonomousSystemNumber"]
        by_place[str(row["Location"] or ""), f"AS{network}" if network else ""].append(row)
    lately = [one for one in detections if one.happened >= since]
    addresses = {
        key: {text for one in several for text in _read_texts(one["Addresses"])}
        for key, several in by_place.items()
    }
    found = [
        _build_sign_in_place(*key, several, [one for one in lately if one.address in addresses[key]])
        for key, several in by_place.items()
    ]
    signed = {one for several in addresses.values() for one in several}
    found += _list_places_without_sign_ins([one for one in lately if one.address not in signed])
    return sorted(found, key=lambda one: one.last, reverse=True)[:MOST_PLACES]


def _build_sign_in_place(
    country: str, network: str, rows: Sequence[Mapping[str, object]], risks: Sequence[RiskDetection]
) -> SignInPlace:
    slots = {
        datetime.fromisoformat(str(one["Slot"])): (int(str(one["SignIns"])), int(str(one["Failed"])))
        for one in rows
    }
    return SignInPlace(
        country, network, sum(one for one, _ in slots.values()), sum(one for _, one in slots.values()),
        max(datetime.fromisoformat(str(one["Last"])) for one in rows),
        sorted({text for one in rows for text in _read_texts(one["Clients"])})[:3], slots, risks,
    )  # fmt: skip


def _list_places_without_sign_ins(detections: Sequence[RiskDetection]) -> list[SignInPlace]:
    by_country: defaultdict[str, list[RiskDetection]] = defaultdict(list)
    for one in detections:
        by_country[str(one.location.get("countryOrRegion") or "")].append(one)
    return [
        SignInPlace(country, "", 0, 0, max(one.happened for one in several), risks=several)
        for country, several in by_country.items()
    ]


def _read_texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def draw_strip(
    places: Sequence[SignInPlace], since: datetime, until: datetime, step: timedelta
) -> SignInStrip:
    """Draw the places over the time from `since` to `until`, in parts of a step."""
    seconds = step.total_seconds()
    begin = datetime.fromtimestamp(since.timestamp() // seconds * seconds, UTC)
    parts = int((until - begin) / step) + 1
    lanes = [_build_lane(one, begin, step, parts) for one in places]
    most = max((one.most for one in lanes), default=0)
    starts = [begin + step * at for at in range(parts)]
    return SignInStrip(
        [(one, draw_lane(lane, most)) for one, lane in zip(places, lanes, strict=True)],
        [name_time(one, step) for one in starts[:: max(1, parts // LABELS)]][:LABELS],
    )


def _build_lane(place: SignInPlace, begin: datetime, step: timedelta, parts: int) -> TimeLane:
    passed, failed = [0] * parts, [0] * parts
    for start, (count, bad) in place.slots.items():
        at = min(max(int((start - begin) / step), 0), parts - 1)
        passed[at] += count - bad
        failed[at] += bad
    length = step * parts
    marks = [
        LaneMark(
            min(max((one.happened - begin) / length, 0.0), 1.0), one.level.value, _format_risk_words(one)
        )
        for one in place.risks
    ]  # fmt: skip
    lines = [count_text(place.count, "sign-in"), f"{place.failed:,} failed", *(one.title for one in marks)]
    return TimeLane(f"{place.name} {place.network}".rstrip() + ": " + ", ".join(lines), passed, failed, marks)


def _format_risk_words(one: RiskDetection) -> str:
    return f"{humanize_name(one.event_type)}, {one.level.value} risk, {one.happened:%Y-%m-%d %H:%M} UTC"
