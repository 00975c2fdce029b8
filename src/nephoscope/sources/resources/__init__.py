"""Snapshots of resources: files and folders of every format that Azure tools write, as an estate or as a stream."""

from nephoscope.sources.resources.files import Limits, unpacked_size
from nephoscope.sources.resources.loading import SnapshotError, load, load_tenants, stream
from nephoscope.sources.resources.spool import Spool, Survey

__all__ = ["Limits", "SnapshotError", "Spool", "Survey", "load", "load_tenants", "stream", "unpacked_size"]
