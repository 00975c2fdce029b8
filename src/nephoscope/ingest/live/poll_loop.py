"""Poll loop over the parts of a source, with health per part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Event

from nephoscope.connect.credentials import SignInError
from nephoscope.connect.read_only_client import RequestError
from nephoscope.ingest.live.live_source import WHOLE, SourceSink
from nephoscope.ingest.live.time_window_polling import Poller
from nephoscope.ingest.source_failures import SourceError


def run_poll_loop(
    pollers: Sequence[Poller],
    sink: SourceSink,
    stop: Event,
    prefix: str,
    clock: Callable[[], datetime],
    seconds: float,
) -> None:
    """Go round the pollers, wait `seconds`, until stopped: one that fails is told, under `prefix` and its name, and the others go on.

    Raises SourceError when every one of them failed.
    """
    while not stop.is_set():
        report_poll_results(sink, prefix, {one.name: _explain_failure(one, clock()) for one in pollers})
        stop.wait(seconds)


def _explain_failure(poller: Poller, now: datetime) -> str:
    """Explain why a round of one poller failed, '' where it did not."""
    try:
        poller.poll(now)
    except (RequestError, SignInError, SourceError) as error:
        return str(error)
    return ""


def report_poll_results(sink: SourceSink, prefix: str, parts: Mapping[str, str]) -> None:
    """Tell of each part why it failed, '' where it worked; raises SourceError where every part failed.

    Parts that earlier rounds told of and this one does not have are no longer asked for.
    """
    failed = {name: error for name, error in parts.items() if error}
    for name, error in failed.items():
        sink.report_health(error=error, key=f"{prefix}{name}")
    sink.report_only(prefix, [f"{prefix}{name}" for name in failed])
    sink.report_working(*(f"{prefix}{name}" for name in parts if name not in failed))
    if len(failed) == len(parts):
        raise SourceError(next(iter(failed.values())))
    sink.report_working(WHOLE)
