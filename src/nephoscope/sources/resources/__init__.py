"""Snapshots of resources: files and folders of every format that Azure tools write, as an estate or as a stream."""

from nephoscope.sources.resources.files import Limits
from nephoscope.sources.resources.loading import SnapshotError, load, stream

__all__ = ["Limits", "SnapshotError", "load", "stream"]
