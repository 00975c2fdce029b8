"""The company's logs taken into a lake as if they had come when they happened, so that a schedule can be run over them."""

from __future__ import annotations

import tempfile
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from importlib.resources import as_file
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from nephoscope.collect.resources.snapshot_loading import load
from nephoscope.estate.estate_store import EstateStore
from nephoscope.files.snapshot_files import SourceFile
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.ingestion import FileIngestion
from nephoscope.ingest.logs.load_tally import LoadTally
from nephoscope.ingest.logs.log_format import Destination, StreamContext
from nephoscope.lake.watchlists.watchlist_service import WatchlistService
from nephoscope.sample.company import get_company_folder
from nephoscope.sample.generator import Generator, write

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.sample.log_entry import SampleEntry
    from nephoscope.state import State
    from nephoscope.state.workspaces.workspace import Workspace


@dataclass(frozen=True)
class SampleLogLoader:
    """Takes entries of the sample company into a workspace of a lake."""

    lake: Lake
    state: State
    workspace: Workspace

    def days(self, generator: Generator, streams: Container[str] | None = None) -> LoadTally:
        """Take whole days in, of all logs or of some, each day as if it had come at its beginning.

        So no row is late for a schedule that runs in that time.
        """
        tally = LoadTally()
        for day in generator.each_day:
            found = [one for one in generator.entries(day) if streams is None or one.stream in streams]
            self.load_entries(found, datetime.combine(day, time(), UTC), tally)
        self.lake.flush(timeout=600)
        return tally

    def describe(self) -> None:
        """Keep what an operator of the company has told: its estate, and the watchlists of its own addresses and its scanner."""
        with as_file(get_company_folder() / "snapshot") as snapshot:
            EstateStore(self.lake.data).append(load([snapshot]), datetime.now(UTC))
        keeping = WatchlistService(self.state, self.lake, self.workspace.name, "sample")
        with self.state.as_product("sample"):
            for alias, one in yaml.safe_load((get_company_folder() / "watchlists.yaml").read_bytes()).items():
                keeping.hold(alias, one["key"], one["items"], datetime.now(UTC))

    def load_entries(
        self, entries: Iterable[SampleEntry], came: datetime, tally: LoadTally | None = None
    ) -> LoadTally:
        """Take entries in as if they came at a moment; the tally counts rows, and what could not be read."""
        context = StreamContext("", came, destination=Destination.DEDICATED)
        intake = FileIngestion(
            self.lake, self.state, self.workspace, load_formats(), context, tally=tally or LoadTally()
        )
        with tempfile.TemporaryDirectory(prefix="sample-") as below:
            replace(intake, options=came.isoformat()).run(
                [SourceFile(path, Path(below)) for path in write(entries, Path(below))]
            )
        return intake.tally
