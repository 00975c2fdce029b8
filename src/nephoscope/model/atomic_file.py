"""A file that is replaced whole: a reader finds the former content or the new one, never a part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_content(path: Path, content: bytes) -> None:
    """Write a file durably beside its place and rename it there; only its owner may read it. The folder must be there."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
