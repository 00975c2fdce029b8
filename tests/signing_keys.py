"""The key of tokens, made once in a process: to make one takes a twelfth of a processor second, to copy it nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from nephoscope.access.tokens import FILE, load_signing_key


def put_signing_key(data: Path) -> None:
    """Give a data folder that has none a key of tokens."""
    folder = data / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / FILE
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(_made())


@cache
def _made() -> bytes:
    with TemporaryDirectory() as folder:
        load_signing_key(Path(folder))
        return (Path(folder) / FILE).read_bytes()
