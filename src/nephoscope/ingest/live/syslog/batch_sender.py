"""Batch sender: moves batches from the buffer to the sink, with retries, and counts losses at shutdown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from nephoscope.ingest.live.live_source import LAKE, LOST, SourceSink
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.ingest.live.syslog.message_buffer import SyslogBatch, SyslogIntake
from nephoscope.ingest.source_failures import SourceStoppedError
from nephoscope.lake.errors import LakeError
from nephoscope.state import StateError

_FEED = "messages"
#: Seconds before a batch is tried again: doubled up to the second.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
#: Faults of the disk and the database pass: a batch is tried until they have. Any other may lie in the batch, and has so many tries.
_PASSING = (LakeError, StateError, OSError)
_TRIES = 6
_LOG = logging.getLogger("nephoscope.sources")


@dataclass(slots=True)
class BatchSender:
    """Hands over what `intake` holds until it ends. Once `stop` is set each batch has one try more, so that the end comes."""

    intake: SyslogIntake
    sink: SourceSink
    stop: Event
    failed: Callable[[str, str], None]
    dropped: Callable[[int], None]

    def run(self) -> None:
        """Return when the intake has ended and is empty: what could not be written by then is counted as dropped."""
        failure_log = LogRateLimiter(self.failed)
        while (batch := self.intake.wait_for_batch()) is not None:
            reason = self._write_batch(batch, failure_log)
            if reason:
                self.dropped(batch.count)
                self.failed(f"{batch.count} messages are lost: {reason}", LOST)

    def _write_batch(self, batch: SyslogBatch, failure_log: LogRateLimiter) -> str:
        """'' once a batch is on disk, else why it is given up."""
        pause, tries = _FIRST_PAUSE, 0
        while True:
            ending = self.stop.is_set()
            try:
                self.sink.write_batch(_FEED, None, lines=tuple(batch.lines), refused=tuple(batch.refused))
            except SourceStoppedError:
                return "the lake was full until the source was stopped"
            except Exception as error:  # noqa: BLE001 - the boundary of a batch: the listeners go on meanwhile
                reason, tries = f"{type(error).__name__}: {error}", tries + 1
                if ending or (tries >= _TRIES and not isinstance(error, _PASSING)):
                    _LOG.exception("a batch of %d messages is given up", batch.count)
                    return reason
                failure_log(LAKE, f"messages cannot be written and wait: {reason}")
            else:
                return ""
            self.stop.wait(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
