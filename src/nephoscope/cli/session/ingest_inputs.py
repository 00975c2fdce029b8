"""Ingest inputs that are not files: pipes, standard input and the sample logs."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN = "-"
_NEW = ".new-"
"""Prefix of a folder's name while its lock is not acquired."""
_YOUNG = 60.0
"""Maximum time in seconds without a lock."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def spool_stdin(data: Path, paths: tuple[str, ...]) -> Iterator[list[str]]:
    """The paths, with a file of what standard input holds for `-`, and for a pipe: its content decides whether it is new."""
    pipes = {one: one == STDIN or _is_pipe(one) for one in paths}
    if not any(pipes.values()):
        yield list(paths)
        return
    with open_locked_folder(data, "ingest-") as folder:
        yield [
            _spool_pipe(one, Path(folder, str(place))) if pipes[one] else one
            for place, one in enumerate(paths)
        ]


@contextmanager
def open_locked_folder(data: Path, prefix: str) -> Iterator[str]:
    """A folder in the data folder for as long as it is needed; its lock tells that its process lives."""
    new = Path(tempfile.mkdtemp(prefix=f"{_NEW}{prefix}", dir=data))
    folder = data / new.name.removeprefix(_NEW)
    held = os.open(new, _FOLDER)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        # it gets its name with its lock, so that one which has no lock is nobody's, however young it is
        new.rename(folder)
        yield str(folder)
    finally:
        with _defer_signals():
            for one in (new, folder):
                shutil.rmtree(one, ignore_errors=True)
            os.close(held)


@contextmanager
def _defer_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait: one that follows another would break off what the first one began to clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for late in arrived[:1]:
            signal.raise_signal(late)


def remove_abandoned_folders(data: Path) -> None:
    """Remove what a process left behind that was killed: the copy of a pipe, members of an archive, or logs of the sample company."""
    for prefix in ("ingest-", "sample-"):
        for folder in data.glob(f"{prefix}????????"):
            _remove_unlocked_folder(folder)
        for folder in data.glob(f"{_NEW}{prefix}????????"):
            if time.time() - folder.stat().st_mtime > _YOUNG:
                _remove_unlocked_folder(folder)


def _remove_unlocked_folder(folder: Path) -> None:
    """Remove a folder that no process has locked."""
    try:
        held = os.open(folder, _FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _is_pipe(path: str) -> bool:
    try:
        return Path(path).is_fifo()
    except OSError:
        return False


def _spool_pipe(pipe: str, folder: Path) -> str:
    """A file of what a pipe or standard input holds."""
    folder.mkdir()
    path = folder / ("standard input" if pipe == STDIN else Path(pipe).name)
    with path.open("wb") as file:
        if pipe == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, file)
        else:
            with Path(pipe).open("rb") as stream:
                shutil.copyfileobj(stream, file)
    return str(_build_packed_path(path))


def _build_packed_path(path: Path) -> Path:
    """The file under a name that tells how it is packed, by which it is opened: a pipe has none."""
    from nephoscope.ingest.logs.compression_detection import detect_suffix

    wanted = detect_suffix(path)
    return path if path.name.lower().endswith(wanted) else path.rename(path.with_name(path.name + wanted))


@contextmanager
def replace_samples(data: Path, paths: list[str]) -> Iterator[list[str]]:
    """The paths, with a folder of files in the place of each that asks for the sample company's logs."""
    from nephoscope.sample.sample_address import SampleRequest, is_sample

    if not any(is_sample(path) for path in paths):
        yield paths
        return
    try:
        asked = {path: SampleRequest.parse(path) for path in paths if is_sample(path)}
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with open_locked_folder(data, "sample-") as folder:
        for place, one in enumerate(asked.values()):
            for _ in one.generator().write(Path(folder, str(place))):
                pass
        folders = dict(
            zip(asked, (str(Path(folder, str(place))) for place in range(len(asked))), strict=True)
        )
        yield [folders.get(path, path) for path in paths]
