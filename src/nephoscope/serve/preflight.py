"""Preflight checks: report missing prerequisites before the server starts a process."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from nephoscope.access.tokens import load_signing_key
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State
from nephoscope.state.database.state_errors import TransientError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def check(settings: ServeSettings) -> None:
    """Look at the data folder, the state and the key of tokens; what is not there yet is made, the newest tables of the state too.

    StateError, or OSError that names the file, for what stays wrong until somebody mends it. What may pass is left to the processes,
    which try again: a disk that is full, a database that does not answer yet or in which others write.
    """
    check_folder_is_writable(settings.data)
    with suppress(TransientError):
        State.open_folder(settings.data, settings.state).close()
    try:
        load_signing_key(settings.data / "keys")
    except OSError as error:
        if error.errno not in _FULL:
            raise


def check_folder_is_writable(folder: Path) -> None:
    """OSError that names the folder where no file can be made in it, but for want of room."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if error.errno not in _FULL:
            raise OSError(error.errno, os.strerror(error.errno or 0), str(folder)) from error
