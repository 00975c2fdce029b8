"""Some subscriptions of the sample estate, for what does not depend on how large an estate is."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

SAMPLE = Path(str(files("nephoscope.content") / "sample" / "snapshot"))


def copy_some(folder: Path, *names: str) -> Path:
    """Write a snapshot that holds what is of the tenant and the folders of these names; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLE / "coverage.json", folder)
    for name in ("tenant", *names):
        shutil.copytree(SAMPLE / name, folder / name)
    return folder
