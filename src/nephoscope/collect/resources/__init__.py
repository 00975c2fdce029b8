"""Snapshots of resources: files and folders of every format that Azure tools write, as an estate or as a stream."""

from nephoscope.collect.resources.snapshot_loading import SnapshotError, load, load_tenants, stream_resources
from nephoscope.collect.resources.subscription_spool import SnapshotSpool, Survey
from nephoscope.files.snapshot_files import ArchiveLimits, estimate_unpacked_size

__all__ = [
    "ArchiveLimits",
    "SnapshotError",
    "SnapshotSpool",
    "Survey",
    "estimate_unpacked_size",
    "load",
    "load_tenants",
    "stream_resources",
]
