"""Unusual numbers of TCP segments, by what this machine has learned to be usual."""

from __future__ import annotations

from nephoscope_agent.inventory_sensor import device_event
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.segment_baseline import count_segments
from nephoscope_agent.segment_watch import SegmentWatch


class TcpSegmentsSensor(Sensor):
    """Reports each episode once, when it has lasted for three seconds."""

    name = "tcp_segments"
    interval = 1.0

    def open(self) -> None:
        settings = self.context.settings
        if not settings.unusual_times >= 1:
            raise SensorUnavailableError("unusual_times of agent.json must be at least 1")
        try:
            count_segments()
        except (OSError, KeyError, ValueError) as error:
            raise SensorUnavailableError(f"/proc/self/net/snmp: {error}") from error
        baseline = self.context.segments
        self._watch = SegmentWatch(baseline, settings.unusual_times, settings.unusual_learn)
        baseline.start(self._watch.observe)

    def collect(self, now: float) -> list[Row]:  # noqa: ARG002 - each episode has its own time
        return [
            device_event(
                "UnusualTcpSegments",
                TimeGenerated=format_time(one.noticed),
                Timestamp=format_time(one.noticed),
                AdditionalFields={
                    "segmentsPerSecond": round(one.rate),
                    "usualSegmentsPerSecond": round(one.usual),
                    "threshold": round(one.threshold),
                    "learnedSeconds": round(one.learned),
                },
            )
            for one in self._watch.pop_episodes()
        ]

    def close(self) -> None:
        self.context.segments.stop_observing()
