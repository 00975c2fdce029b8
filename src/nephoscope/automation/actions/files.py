"""Append what happened to files of JSON lines that the operator allows."""

from __future__ import annotations

import fcntl
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.operator_policy import AllowedFolder
from nephoscope.automation.run_records import to_records
from nephoscope.state.automation.automation_runs import AutomationRun

_NAME = re.compile(r"\d{8}T\d{12}Z\.ndjson")


class FileActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the file action: the name of a folder in operator.yaml."""

    name: Annotated[str, Meta(description="Name under `files` in operator.yaml.", min_length=1)]


def run(settings: FileActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Append a line a record and wait for the disk. A file that is full is followed by another; the oldest go.

    A run that was truncated is written again: its lines have the same ids.
    """
    allowed = around.operator.files.get(settings.name)
    if allowed is None:
        raise ActionError(f"operator.yaml does not allow files {settings.name}", again=False)
    folder = Path(allowed.folder)
    if not folder.is_absolute():
        raise ActionError(f"the folder of files {settings.name} must be an absolute path", again=False)
    lines = [
        msgspec.json.encode(
            {
                "id": id_,
                "type": run.kind,
                "timestamp": run.created,
                "workspace": run.workspace,
                "rule": run.rule,
                "data": record,
            }
        )
        for id_, record in to_records(run)
    ]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = _append_to_file(folder, b"\n".join([*lines, b""]), allowed, around.now)
    except OSError as error:
        raise ActionError(f"{folder}: {error.strerror}") from error
    return ActionOutcome(f"{len(lines)} lines in {name}")


def _append_to_file(folder: Path, data: bytes, allowed: AllowedFolder, now: datetime) -> str:
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = sorted(path for path in folder.glob("*.ndjson") if _NAME.fullmatch(path.name))
        if known and known[-1].stat().st_size + len(data) <= allowed.megabytes << 20:
            path = known[-1]
        else:
            path = folder / f"{now:%Y%m%dT%H%M%S%f}Z.ndjson"
            known.append(path)
        _append_after_last_line(path, data)
        for old in known[: -allowed.keep]:
            old.unlink()
    return path.name


def _append_after_last_line(path: Path, data: bytes) -> None:
    """Behind the last whole line: what a killed process left of one goes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65_536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        file.truncate(end)
        file.seek(end)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


KIND = ActionKind(
    "files",
    "Append to a JSON Lines file",
    FileActionSettings,
    run=run,
    receiver=lambda one: one.name,
    batch=500,
)
