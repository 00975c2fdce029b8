"""Snapshots of resources: files and folders of every format that Azure tools write, as an estate or as a stream."""

from nephoscope.collect.resources.loading import SnapshotError, load, load_tenants, stream
from nephoscope.collect.resources.spool import Spool, Survey
from nephoscope.files.reading import Limits, unpacked_size

__all__ = ["Limits", "SnapshotError", "Spool", "Survey", "load", "load_tenants", "stream", "unpacked_size"]
