"""Symbolic links in log folders: a link that leaves its folder is never followed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def explain_outside_link(path: Path, roots: Iterable[Path]) -> str:
    """Explain why a file or folder found below one of `roots` is not read: its links end outside of all of them; '' where they do not.

    The roots themselves may be links: who names one has chosen it.
    """
    real = os.path.realpath(path)
    if any(Path(real).is_relative_to(os.path.realpath(root)) for root in roots):
        return ""
    return f"is a link out of the folder, to {real}, and is not read: give that file or folder itself"
