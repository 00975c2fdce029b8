"""Runs sources: a thread each, started again after a failure, told to stop together; health is kept beside them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from nephoscope.connect.credentials import SignInError
from nephoscope.estate.estate_store import StoreError
from nephoscope.ingest.live.address_index import EstateAddresses
from nephoscope.ingest.live.health.health_recorder import HealthKeeper
from nephoscope.ingest.live.lake_sink import LakeSink
from nephoscope.ingest.live.live_source import SETTINGS, WRONG_SETTINGS, LiveSource, SourceContext, parse_zone
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.live.source_meter import SourceMeter
from nephoscope.ingest.logs.log_format import Destination
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError, SourceStoppedError
from nephoscope.ingest.threat_intelligence.indicator_store import keep_indicators
from nephoscope.lake.errors import LakeError
from nephoscope.model.secret_redaction import redact_text
from nephoscope.state import StateError
from nephoscope.state.leases.lease_holder import create_holder_name

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.state import State
    from nephoscope.state.ingestion.sources import Source as Stored
    from nephoscope.state.leases.leases import Lease

_LOG = logging.getLogger("nephoscope.sources")
#: Seconds before a source that failed is tried again: doubled each time up to the second.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
#: A source that ran so long before it failed begins with the first pause again.
_WELL = 300.0
_COUNT_SECONDS, _JUDGE_SECONDS = 5.0, 60.0
_LEASE_SECONDS = 30.0
#: How often a source whose settings are wrong is looked at for other ones.
_LOOK_SECONDS = 2.0
#: How long sources have to end; what they had not handed over they read again the next time.
_STOP_SECONDS = 30.0
#: Not an error: what this source brings comes by another process.
_ELSEWHERE = "another process runs this source"


def make_source(stored: Stored, lake: Lake, state: State, data: Path) -> LiveSource:
    """The source as it was set up; raises SourceError, StateError."""
    kind = get_source_kind(stored.kind)
    secrets: dict[str, str] = {}
    if stored.credential:
        secrets = msgspec.json.decode(state.credentials.get(stored.credential).reveal(), type=dict[str, str])
        # both change together: what is stored now goes nowhere but where it was given for
        if state.sources.get(stored.name).settings != stored.settings:
            raise SourceSettingsError("the settings were changed while the source started")

    def find_table(name: str) -> LakeTable | None:
        # A table that another rule makes replaces what the lake knows as a whole.
        return lake.tables.get(name)

    around = SourceContext(
        stored.name, data / "keys", secrets, table=find_table, make_table=lake.import_table
    )
    settings = parse_settings(kind, stored.settings)
    kind.check(settings, around)
    return kind.make(settings, around)


@dataclass
class _RunningSource:
    """One source that is kept running."""

    stored: Stored
    meter: SourceMeter
    thread: threading.Thread
    lease: Lease | None = None


@dataclass
class SourceSupervisor:
    """Runs sources of one data folder until `stop` is set. `say` is told what people want to know."""

    lake: Lake
    state: State
    data: Path
    say: Callable[[str], None] = _LOG.info
    stop: threading.Event = field(default_factory=threading.Event)
    holder: str = field(default_factory=create_holder_name)
    _running: dict[str, _RunningSource] = field(default_factory=dict)
    _places: EstateAddresses = field(init=False)

    def __post_init__(self) -> None:
        self._places = EstateAddresses(self.data)

    def run(self, stored: list[Stored]) -> None:
        """Run until stopped; a source that another process runs is waited for. What was read is handed over before this returns."""
        keeper = HealthKeeper(self.lake, self.state, self.holder)
        for one in stored:
            meter = SourceMeter()
            thread = threading.Thread(
                target=self._keep_running, args=(one, meter), name=f"source {one.name}", daemon=True
            )
            self._running[one.name] = _RunningSource(one, meter, thread)
        for running in self._running.values():
            running.thread.start()
        try:
            self._watch_health(keeper)
        finally:
            self.stop.set()
            for running in self._running.values():
                running.thread.join(_STOP_SECONDS)
                if running.thread.is_alive():
                    self.say(f"{running.stored.name}: did not end in {_STOP_SECONDS:.0f} s")
            self._count_arrivals(keeper)
            keeper.close()

    def _watch_health(self, keeper: HealthKeeper) -> None:
        judged = 0.0
        while not self.stop.wait(_COUNT_SECONDS):
            self._count_arrivals(keeper)
            judged += _COUNT_SECONDS
            if judged >= _JUDGE_SECONDS:
                judged = 0.0
                self._run_safely("health", lambda: keeper.assess(datetime.now(UTC)))

    def _count_arrivals(self, keeper: HealthKeeper) -> None:
        for one in self._running.values():
            self._run_safely(one.stored.name, partial(keeper.count, one.stored, one.meter, datetime.now(UTC)))
            if one.lease is not None:
                self._run_safely(one.stored.name, partial(one.lease.renew, _LEASE_SECONDS))

    def _run_safely(self, name: str, act: Callable[[], object]) -> None:
        """Do something whose failure must not end the sources: it is told, and done again the next time."""
        try:
            act()
        except (StateError, LakeError, OSError) as error:
            self.say(f"{name}: {error}")

    def _keep_running(self, stored: Stored, meter: SourceMeter) -> None:
        """Run one source again and again until stopped."""
        pause = _FIRST_PAUSE
        while not self.stop.is_set():
            began = datetime.now(UTC)
            try:
                failed = self._run_once(stored, meter)
            except SourceSettingsError as error:
                self._release_source(stored)
                changed = self._wait_for_change(stored, meter, error)
                if changed is None:
                    return
                stored, pause = changed, _FIRST_PAUSE
                continue
            if self.stop.is_set():
                break
            if (datetime.now(UTC) - began).total_seconds() >= _WELL:
                pause = _FIRST_PAUSE
            if failed != _ELSEWHERE:
                meter.report_health(error=failed)
            self.say(f"{stored.name}: {failed or 'ended by itself'}; again in {pause:.0f} s")
            self.stop.wait(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
        self._release_source(stored)

    def _wait_for_change(
        self, stored: Stored, meter: SourceMeter, error: SourceSettingsError
    ) -> Stored | None:
        """Wait until a source whose settings are wrong has other ones, and return them; None where all are to stop or it is gone."""
        wrong = f"{WRONG_SETTINGS}{error}"
        meter.report_health(error=wrong, key=SETTINGS)
        self.say(f"{stored.name}: {wrong}; waits for: nephoscope sources set {stored.name}")
        secrets = self._read_secrets(stored)
        while not self.stop.wait(_LOOK_SECONDS):
            try:
                found = self.state.sources.get(stored.name)
                if found != stored or self._read_secrets(found) != secrets:
                    self._running[stored.name].stored = found
                    return found
            except StateError as gone:
                self.say(f"{stored.name}: {gone}")
                if all(one.name != stored.name for one in self.state.sources.all()):
                    return None
        return None

    def _read_secrets(self, stored: Stored) -> str:
        return self.state.credentials.get(stored.credential).reveal() if stored.credential else ""

    def _run_once(self, stored: Stored, meter: SourceMeter) -> str:
        """Run a source until it ends; why it failed, '' where it did not; SourceSettingsError where trying again cannot mend it."""
        ended = threading.Event()
        try:
            if not self._may_run(stored):
                return _ELSEWHERE
            source = make_source(stored, self.lake, self.state, self.data)
            meter.report_working(SETTINGS)
            sink = self._open_sink(stored, meter)
            self._forward_stop(ended)
            source.run(sink, ended)
        except SourceStoppedError:
            return ""
        except SourceSettingsError:
            raise
        except (SourceError, SignInError, StateError, LakeError, StoreError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: a source must not take the others with it
            _LOG.exception("source %s", stored.name)
            return f"a fault of nephoscope: {type(error).__name__}: {redact_text(str(error))[:300]}"
        finally:
            ended.set()
        return ""

    def _open_sink(self, stored: Stored, meter: SourceMeter) -> LakeSink:
        settings = parse_settings(get_source_kind(stored.kind), stored.settings)
        return LakeSink(
            stored.name, stored.workspace, self.lake, self.lake.writer(), self.state.checkpoints, meter, self.stop,
            zone=parse_zone(getattr(settings, "zone", "UTC")), destination=Destination(getattr(settings, "destination", "both")),
            whereabouts=self._places, learning=partial(keep_indicators, self.state, stored.workspace, stored.name, counted=True,
                             product="threat intelligence of a source"),
            failing=partial(self.state.source_errors.keys, stored.name, stored.workspace),
        )  # fmt: skip

    def _forward_stop(self, ended: threading.Event) -> None:
        """Tell one run of a source to stop when all are; a source may also set its own event."""

        def wait() -> None:
            while not ended.wait(0.2):
                if self.stop.is_set():
                    ended.set()

        threading.Thread(target=wait, daemon=True).start()

    def _may_run(self, stored: Stored) -> bool:
        """Return whether this process may: a source whose place does not divide its work runs in one process at a time."""
        if get_source_kind(stored.kind).shared:
            return True
        lease = self.state.leases.acquire(f"source/{stored.name}", self.holder, _LEASE_SECONDS)
        self._running[stored.name].lease = lease
        return lease is not None

    def _release_source(self, stored: Stored) -> None:
        running = self._running[stored.name]
        lease, running.lease = running.lease, None
        if lease is not None:
            self._run_safely(stored.name, lease.release)
