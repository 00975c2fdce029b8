"""What sensors share: the settings, the machine and the tables of processes and hashes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nephoscope_agent.machine import LocalMachine
from nephoscope_agent.process_table import HashCache, ProcessTable
from nephoscope_agent.row import Values
from nephoscope_agent.segment_baseline import SegmentBaseline
from nephoscope_agent.settings import FOLDER, Settings


@dataclass
class SensorContext:
    """What sensors work with."""

    settings: Settings
    machine: LocalMachine
    folder: Path = FOLDER
    processes: ProcessTable = field(default_factory=ProcessTable)
    hashes: HashCache = field(default_factory=HashCache)
    #: Whether the audit netlink delivers executions: then the sensor that polls /proc rests.
    audited: bool = False
    #: Live facts about antimalware, as the sensor of the same name learned them last.
    protection: Values = field(default_factory=dict)
    #: TCP segments that are usual on this machine.
    segments: SegmentBaseline = field(init=False)

    def __post_init__(self) -> None:
        self.segments = SegmentBaseline(self.folder)
