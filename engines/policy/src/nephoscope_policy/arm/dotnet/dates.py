"""Points in time of 100 ns, ISO 8601 text and durations, and .NET date format strings in the invariant culture."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from nephoscope_policy.arm.errors import FunctionError

TICKS_PER_SECOND = 10_000_000
_DAY = 86_400 * TICKS_PER_SECOND
_EPOCH = datetime(1, 1, 1)
_MAX_TICKS = 3_652_059 * _DAY
_UNIX = 719_162 * 86_400

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_MOMENT = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_DURATION = re.compile(
    r"(?P<sign>-)?P(?=[0-9T])(?:(?P<Y>\d{1,9})Y)?(?:(?P<M>\d{1,9})M)?(?:(?P<W>\d{1,9})W)?(?:(?P<D>\d{1,9})D)?"
    r"(?:T(?=[0-9])(?:(?P<h>\d{1,9})H)?(?:(?P<m>\d{1,9})M)?(?:(?P<s>\d{1,12}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


class DotNetDateTime(msgspec.Struct, frozen=True):
    """A point in time: ticks of 100 ns since 0001-01-01T00:00:00 UTC, and the offset of its zone in minutes."""

    ticks: int
    offset: int = 0

    @classmethod
    def from_datetime(cls, time: datetime) -> DotNetDateTime:
        """The moment of an aware datetime, in UTC."""
        since = time.astimezone(UTC).replace(tzinfo=None) - _EPOCH
        return cls((since.days * 86_400 + since.seconds) * TICKS_PER_SECOND + since.microseconds * 10)

    @classmethod
    def from_unix_seconds(cls, seconds: int) -> DotNetDateTime:
        """The moment a number of seconds after 1970; raises FunctionError outside the years 1 to 9999."""
        return cls(0).add_ticks((seconds + _UNIX) * TICKS_PER_SECOND)

    @property
    def unix(self) -> int:
        """Whole seconds since 1970, rounded down."""
        return self.ticks // TICKS_PER_SECOND - _UNIX

    def add_ticks(self, ticks: int) -> DotNetDateTime:
        """A later or earlier moment in the same zone; raises FunctionError outside the years 1 to 9999."""
        moved = self.ticks + ticks
        local = moved + self.offset * 60 * TICKS_PER_SECOND
        if 0 <= moved < _MAX_TICKS and 0 <= local < _MAX_TICKS:
            return DotNetDateTime(moved, self.offset)
        raise FunctionError("the date lies outside the years 1 to 9999")

    def to_civil_time(self) -> datetime:
        """The civil time in the moment's zone, without the last tick digit."""
        return _EPOCH + timedelta(minutes=self.offset, microseconds=self.ticks // 10)


def parse_moment(text: str, *, date_alone: bool = False) -> DotNetDateTime:
    """Read ISO 8601 with `T` or a blank; without a zone it is UTC; `date_alone` admits a date without a time."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None or (match["hour"] is None and not date_alone):
        raise FunctionError(f"{text[:60]!r} is not an ISO 8601 date and time such as 2024-01-31T23:59:59Z")
    year, month, day, hour, minute, second = (int(match[name] or 0) for name in _PARTS)
    try:
        since = datetime(year, month, day, hour, minute, second) - _EPOCH
    except ValueError as error:
        raise FunctionError(f"{text[:60]!r} is not a date: {error}") from error
    offset = _parse_zone(match["zone"] or "Z")
    ticks = int((match["fraction"] or "0").ljust(7, "0")[:7])
    return DotNetDateTime(0, offset).add_ticks(
        (since.days * 86_400 + since.seconds - offset * 60) * TICKS_PER_SECOND + ticks
    )


_PARTS = ("year", "month", "day", "hour", "minute", "second")


def _parse_zone(text: str) -> int:
    if text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise FunctionError(f"the zone {text} is not between -14:00 and +14:00")
    return (hours * 60 + minutes) * (-1 if text[0] == "-" else 1)


def parse_duration(text: str) -> int:
    """Read an ISO 8601 duration as ticks: a year counts 365 days, a month 30, a week 7."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise FunctionError(f"{text[:60]!r} is not an ISO 8601 duration such as P1DT12H")
    count = {name: int(match[name] or 0) for name in ("Y", "M", "W", "D", "h", "m")}
    days = count["Y"] * 365 + count["M"] * 30 + count["W"] * 7 + count["D"]
    whole, _, fraction = (match["s"] or "0").partition(".")
    seconds = days * 86_400 + count["h"] * 3600 + count["m"] * 60 + int(whole)
    ticks = seconds * TICKS_PER_SECOND + int(fraction.ljust(7, "0")[:7] or 0)
    return -ticks if match["sign"] else ticks


def format_iso(moment: DotNetDateTime) -> str:
    """ISO 8601 with `T` and a zone (`Z` for UTC); a fraction of 3, 6 or 7 digits where there is one."""
    ticks = moment.ticks % TICKS_PER_SECOND
    digits = 0 if not ticks else 3 if ticks % 10_000 == 0 else 6 if ticks % 10 == 0 else 7
    fraction = "." + "f" * digits if digits else ""
    return format_moment(moment, f"yyyy-MM-ddTHH:mm:ss{fraction}K")


_STANDARD = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "f": "dddd, dd MMMM yyyy HH:mm",
    "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm",
    "G": "MM/dd/yyyy HH:mm:ss",
    "m": "MMMM dd",
    "M": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "U": "dddd, dd MMMM yyyy HH:mm:ss",
    "y": "yyyy MMMM",
    "Y": "yyyy MMMM",
}
_IN_UTC = frozenset("rRuU")
_PIECE = re.compile(
    r"'(?P<q1>[^']*)'|\"(?P<q2>[^\"]*)\"|\\(?P<escaped>.)|(?P<run>(?P<letter>[dfFghHKmMstyz])(?P=letter)*)|%(?P<single>[dfFghHKmMstyz])|(?P<text>.)",
    re.DOTALL,
)


def format_moment(moment: DotNetDateTime, spec: str) -> str:
    """A moment in a standard (one letter) or custom format string; raises FunctionError for a format .NET rejects."""
    if not spec:
        return format_moment(moment, "G")
    if len(spec) > 1:
        return _format_custom(moment, spec)
    if spec not in _STANDARD:
        raise FunctionError(f"unrecognized standard format specifier {spec!r}")
    return _format_custom(DotNetDateTime(moment.ticks) if spec in _IN_UTC else moment, _STANDARD[spec])


def _format_custom(moment: DotNetDateTime, spec: str) -> str:
    pieces: list[str] = []
    time = moment.to_civil_time()
    for match in _PIECE.finditer(spec):
        kind = match.lastgroup or ""
        kind = "run" if match["run"] else kind
        if kind in ("run", "single"):
            pieces.append(_format_field(match[kind], moment, time, pieces))
        elif kind == "text" and match["text"] in "'\"\\%":
            raise FunctionError(f"the date format {spec[:60]!r} has an unpaired {match['text']}")
        else:
            pieces.append(match[kind])
    return "".join(pieces)


def _format_field(run: str, moment: DotNetDateTime, time: datetime, before: list[str]) -> str:
    letter, count = run[0], len(run)
    if letter in "fF":
        return _format_fraction(run, moment, before)
    if letter in "Kz":
        return _format_offset(run, moment.offset)
    if letter in "dM" and count > 2:
        name = _DAYS[time.weekday()] if letter == "d" else _MONTHS[time.month - 1]
        return name[:3] if count == 3 else name
    if letter == "g":
        return "A.D."
    if letter == "t":
        return ("AM" if time.hour < 12 else "PM")[: min(count, 2)]
    if letter == "y":
        return f"{time.year % 100 if count <= 2 else time.year:0{count}d}"
    number = {
        "d": time.day,
        "h": time.hour % 12 or 12,
        "H": time.hour,
        "m": time.minute,
        "M": time.month,
        "s": time.second,
    }
    return f"{number[letter]:0{min(count, 2)}d}"


def _format_fraction(run: str, moment: DotNetDateTime, before: list[str]) -> str:
    if len(run) > 7:
        raise FunctionError("a fraction of a second has at most 7 digits")
    digits = f"{moment.ticks % TICKS_PER_SECOND:07d}"[: len(run)]
    if run[0] == "f":
        return digits
    digits = digits.rstrip("0")
    if not digits and before and before[-1] == ".":
        before.pop()
    return digits


def _format_offset(run: str, minutes: int) -> str:
    if run[0] == "K":
        return ("Z" if not minutes else _format_offset("zzz", minutes)) * len(run)
    sign, hours = "-" if minutes < 0 else "+", abs(minutes) // 60
    if len(run) == 1:
        return f"{sign}{hours}"
    return f"{sign}{hours:02d}" + (f":{abs(minutes) % 60:02d}" if len(run) > 2 else "")
