"""The sample estate, assessed and published once in a run of tests: each module gets a copy, which costs hundredths of the making."""

from __future__ import annotations

import fcntl
import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from tests.running.forked_worker import WORKER
from tests.signing_keys import put_signing_key

from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest


def copy_published(factory: pytest.TempPathFactory, data: Path, now: datetime) -> None:
    """Put what an assessment of the sample at a time publishes into an empty data folder."""
    base = factory.getbasetemp()
    # the workers of a run have folders side by side
    shared = base.parent if WORKER in os.environ else base
    made = shared / f"sample published {now:%Y%m%dT%H%M%S}"
    with (shared / f"{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _publish(made.with_suffix(".part"), now)
            made.with_suffix(".part").rename(made)
    shutil.copytree(made, data, dirs_exist_ok=True)


def _publish(data: Path, now: datetime) -> None:
    data.mkdir()
    scan = EstateScan(ScanRequest(("sample:",)), data, now)
    publish_report(data, Report(scan.run(scan.estate()), "sample:"), {})
    snapshot = PublishedSnapshotCache(data).load_newest()
    assert snapshot is not None
    snapshot.listing.types()  # makes the copy by which lists are answered
    put_signing_key(data)
