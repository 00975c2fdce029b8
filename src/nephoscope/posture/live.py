"""A live estate: what the loaded content needs of it, for the collector."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nephoscope.analyze.discovery import analyzers
from nephoscope.posture.packs import Packs
from nephoscope.sources.azure.needs import Needs


def content_needs(data: Path, folders: Iterable[Path] = ()) -> Needs:
    """What the shipped and imported content, the definitions in some folders and the analyzers read."""
    packs = Packs(data)
    types = [type_ for analyzer in analyzers() for type_ in analyzer.types]
    return Needs.of(packs.catalogue(folders), types, packs.aliases())
