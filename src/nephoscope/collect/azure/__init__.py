"""A read-only snapshot of a live Azure estate.

`collect(settings, needs, out)` reads what the loaded content needs: Resource Graph first, GETs of Resource Manager for what that
lacks, Microsoft Graph for accounts. The folder it leaves is what `collect.resources.load` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.azure.collection_settings import CollectError, CollectionSettings
from nephoscope.collect.azure.content_requirements import ContentNeeds

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.collect.azure.collection_settings import Progress

__all__ = ["CollectError", "CollectionSettings", "ContentNeeds", "collect_azure_snapshot"]


def collect_azure_snapshot(
    settings: CollectionSettings, needs: ContentNeeds, out: Path, progress: Progress = lambda *_: None
) -> Path:
    """Collect a snapshot into a new folder and return it; raises CollectError, CheckpointError, SignInError."""
    from nephoscope.collect.azure.collector import Collector

    return Collector(settings, needs, out, progress).run().path
