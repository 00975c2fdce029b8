"""Live source: a kind with settings that reads until it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from zoneinfo import ZoneInfo

from nephoscope.ingest.source_failures import SourceSettingsError

if TYPE_CHECKING:
    import msgspec

    from nephoscope.ingest.threat_intelligence.indicator import IntelItem, Retraction
    from nephoscope.ingest.threat_intelligence.version_merge import IntelCounts
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.model.resource_binding import ResourceBinding


#: How the error of a source begins that waits for other settings.
WRONG_SETTINGS = "wrong settings: "
#: Keys of errors: of the source as a whole, of its settings, of the lake that takes its rows, of messages that were lost, of records
#: of which the workspace takes nothing.
WHOLE, SETTINGS, LAKE, LOST, UNWANTED = "", "settings", "lake", "event:lost", "event:unwanted"
#: What the keys of lines begin with that were read before their end.
CUT = "event:cut:"


def parse_zone(name: str) -> tzinfo:
    """A time zone by its name (`Europe/Berlin`); raises SourceSettingsError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise SourceSettingsError(
            f"zone: unknown time zone '{name}': use a name such as Europe/Berlin"
        ) from error


@dataclass(frozen=True, slots=True)
class SourceChunk:
    """Bytes with whole records only, read from `name` (a path, a blob, a topic) at `place` ("byte 5120").

    `format` is that of a log format, or 'auto'.
    """

    data: bytes
    name: str
    format: str = "auto"
    place: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedLines:
    """Messages that a listener got from one address, in their order."""

    peer: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuarantinedInput:
    """Something that is no row: it goes to quarantine with its place and the reason. `raw` is cut and redacted on the way."""

    name: str
    place: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class RowOrigin:
    """Origin of a row, for reports of faults in it: the place, the record as sent, what of it did not fit ('' = all did)."""

    place: str
    record: Mapping[str, object]
    unfit: str = ""


@dataclass(frozen=True, slots=True)
class IngestCounts:
    """Counts of one hand-over: rows written, rows quarantined. Both are 0 where it was ingested before."""

    rows: int = 0
    bad: int = 0


class SourceSink(Protocol):
    """Destination to which a source hands over what it read. Every `take` returns after the fsync.

    A feed is one thing with an order (a blob, a partition, a connection); its sequence only rises, and what is not above the last
    one taken is dropped: that is what makes a repeated hand-over harmless. None is the next one, for what nothing numbers. Where the
    last one taken is not the one that a hand-over comes `after`, OvertakenError: another process reads the same. `take` waits while
    the lake is full and raises SourceStoppedError when the source is to stop meanwhile; with `wait=False` it raises
    LakeBusyError at once.
    """

    def get_last_sequence(self, feed: str) -> int:
        """The last sequence taken of a feed, -1 where there is none; survives crashes."""

    def read(
        self,
        feed: str,
        stream: BinaryIO,
        name: str,
        *,
        at: int,
        growing: bool,
        form: str = "auto",
        from_start: bool = False,
    ) -> int:
        """Hand over the records of a stream that stands at byte `at` of its source, by batches whose sequence is the byte behind them.

        The byte to go on at. `growing`: a record that is not whole is left for the next time. `from_start`: the stream stands at its
        beginning, so that a header is read, and what is behind that up to byte `at` is gone over.
        """

    def write_batch(
        self,
        feed: str,
        sequence: int | None,
        pieces: tuple[SourceChunk, ...] = (),
        *,
        lines: tuple[ReceivedLines, ...] = (),
        rows: Mapping[str, Sequence[Mapping[str, object]]] | None = None,
        origins: Mapping[str, Sequence[RowOrigin]] | None = None,
        refused: tuple[QuarantinedInput, ...] = (),
        wait: bool = True,
        after: int | None = None,
        sender: ResourceBinding | None = None,
    ) -> IngestCounts:
        """Parse pieces and lines and write their rows, `rows` (by table, values by column) and what was refused, in one append.

        `origins` says by table where each of the rows came from, for what is wrong with it (else they are numbered); `sender` is the
        resource that whoever sent all of it is bound to.
        """

    def store_indicators(self, items: Sequence[IntelItem | Retraction]) -> IntelCounts:
        """Keep threat intelligence; objects that are known as they are change nothing, so that a repeated hand-over is harmless."""

    def get_checkpoint(self, key: str) -> Mapping[str, Any] | None:
        """Return what was saved under a key, None where nothing was."""

    def save_checkpoint(self, key: str, value: Mapping[str, object]) -> None:
        """Save a checkpoint, after the hand-over that it speaks of."""

    def drop_checkpoint(self, key: str) -> None:
        """Drop a checkpoint whose thing is gone."""

    def list_checkpoints(self, prefix: str = "") -> Mapping[str, Mapping[str, Any]]:
        """All checkpoints whose key begins with a prefix."""

    def report_health(
        self, error: str = "", lag: float | None = None, dropped: int = 0, *, key: str = ""
    ) -> None:
        """Tell health: an error that did not end the source ('' = none), what is left to read (in the bytes or messages
        of its kind), messages lost before they were read.

        The error is that of the part `key` (a blob, a partition, a path; '' = the source as a whole), and stands until that part
        worked. What only happened, and no success undoes, has a key that begins with `event:`; it stands for a while.
        """

    def report_working(self, *keys: str) -> None:
        """Clear the errors of parts that work again."""

    def report_only(self, prefix: str, keys: Collection[str]) -> None:
        """Clear the errors of all parts whose keys begin with `prefix`, except those of `keys`: the others work or are gone."""


@dataclass(frozen=True)
class SourceContext:
    """Context in which a kind builds a source: the source's name, a folder for keys, its secrets, and what the lake knows."""

    name: str = ""
    folder: Path = Path(".nephoscope/keys")
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    table: Callable[[str], LakeTable | None] = lambda _: None
    make_table: Callable[[LakeTable], object] = lambda _: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def get_secret(self, name: str) -> str:
        """The secret of that name; SourceSettingsError where it was not stored."""
        value = self.secrets.get(name, "")
        if not value:
            raise SourceSettingsError(f"the secret '{name}' is missing")
        return value


class LiveSource(Protocol):
    """Reads one place until told to stop."""

    def test(self) -> str:
        """Reach the place without reading from it: a sentence on what was found; raises SourceError."""

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Read and hand over until `stop` is set, then return soon; raises SourceError."""


@dataclass(frozen=True, slots=True)
class PrivilegedSetting:
    """Condition under which only an owner may set a setting, because it belongs to the server: in words, and as a predicate."""

    when: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: `label` is what people call it, `settings` a msgspec Struct whose fields describe themselves, `secrets` the
    names that may be stored.

    `check` raises SourceSettingsError for what its Struct cannot say of settings and secrets, and SourceError for a file or
    folder that they
    name and that is not there now; it reaches nothing else. `shared`: the place itself divides its work between several readers, so
    that the same source may run in several processes. `binds`: the settings that decide where a secret goes, as whose, and whom it
    trusts; where they change, what was stored for others is not used. `uses` names the secrets that settings sign in with. `owned`:
    the settings that may be the server's own.
    """

    name: str
    title: str
    settings: type[msgspec.Struct]
    make: Callable[[Any, SourceContext], LiveSource]
    label: str = field(kw_only=True)
    secrets: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    check: Callable[[Any, SourceContext], None] = lambda _settings, _around: None
    binds: frozenset[str] = frozenset()
    uses: Callable[[Any], Collection[str]] = lambda _: ()
    owned: Mapping[str, PrivilegedSetting] = field(default_factory=dict)
