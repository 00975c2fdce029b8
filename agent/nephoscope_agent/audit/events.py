"""Audit events: the records of one moment and sequence as one event, with who did what to what, and how."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from nephoscope_agent.audit.event_kinds import (
    CALL_MEANINGS,
    INCOMING,
    OTHER_CALL,
    OUTGOING,
    RECORD_MEANINGS,
    VIOLATED_APPARMOR,
    VIOLATED_SELINUX,
    Meaning,
    find_category,
)
from nephoscope_agent.audit.records import AuditRecord

_IDS = (
    "auid",
    "uid",
    "gid",
    "euid",
    "egid",
    "suid",
    "sgid",
    "fsuid",
    "fsgid",
    "old_auid",
    "old-auid",
    "new_auid",
)
_CONTEXT = ("user", "role", "domain", "level", "category")
#: The records that add to an event and are not what it is about.
_PARTS = frozenset(
    ("SYSCALL", "PATH", "CWD", "EXECVE", "SOCKADDR", "PROCTITLE", "EOE", "BPRM_FCAPS", "OBJ_PID", "MMAP")
)
#: Interpreters: how a thing was done says the name of the process.
_INTERPRETERS = ("/usr/bin/python", "/usr/bin/sh", "/usr/bin/bash", "/usr/bin/perl")


def build_event(records: Sequence[AuditRecord]) -> dict[str, Any]:
    """Return the event of some records, which have the same time and sequence."""
    kept = [one for one in records if one.type != "EOE"]
    call = next((one for one in kept if one.type == "SYSCALL"), None)
    first = next((one for one in kept if one.type not in _PARTS), call or kept[0])
    event: dict[str, Any] = {
        "@timestamp": _format_time(first.time),
        "sequence": first.sequence,
        "category": find_category(first.type),
        "record_type": first.type.lower(),
    }
    main = call or first
    data = dict(main.data)
    event["user"] = _take_user(data)
    session = data.pop("ses", "")
    for one in kept:
        if one is not main:
            _add_record(event, data, one)
    if len(kept) > 1:
        data.pop("items", None)
    if session:
        event["session"] = session
    _complete(event, data, first, main, kept)
    return event


def _complete(
    event: dict[str, Any],
    data: dict[str, str],
    first: AuditRecord,
    main: AuditRecord,
    kept: Sequence[AuditRecord],
) -> None:
    event["result"] = data.pop("result", "unknown")
    keys = [key for one in kept for key in one.keys]
    if keys:
        event["tags"] = keys
    fields = {
        **{f"socket_{name}": value for name, value in event.get("socket", {}).items()},
        **first.data,
        **data,
        **event["user"]["ids"],
    }
    meanings = _list_meanings(first, main)
    process = _take_process(event, data)
    summary = _summarize(event, meanings, fields, process)
    _set_ends(event, data, main)
    event["summary"], event["process"], event["data"] = summary, process, data
    for name in ("title", "args", "cwd", "socket"):
        event.pop(name, None)
    if meanings[0].object == "file" or (
        len(meanings) > 1 and meanings[-1].object == "file" and not meanings[0].action
    ):
        _set_file(event, summary, meanings[-1].path)
    event["ecs"] = _build_common_fields(meanings, fields)


def _list_meanings(first: AuditRecord, main: AuditRecord) -> list[Meaning]:
    """What the record says, and what the system call does."""
    found = []
    if first.type != "SYSCALL":
        meaning = RECORD_MEANINGS.get(first.type, Meaning())
        if first.type == "AVC":
            meaning = VIOLATED_APPARMOR if "apparmor" in first.data else VIOLATED_SELINUX
        found.append(meaning)
    if main.type == "SYSCALL":
        found.append(CALL_MEANINGS.get(main.data.get("syscall", ""), OTHER_CALL))
    return found


def _format_time(text: str) -> str:
    seconds, _, fraction = text.partition(".")
    moment = datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    rest = str(Decimal(f"0.{fraction}").normalize())[2:] if int(fraction or 0) else ""
    return f"{moment}.{rest}Z" if rest else f"{moment}Z"


def _take_user(data: dict[str, str]) -> dict[str, Any]:
    """Move the ids and the security context of the subject out of the fields."""
    user: dict[str, Any] = {"ids": {name: data.pop(name) for name in _IDS if name in data}}
    context = {part: data.pop(f"subj_{part}") for part in _CONTEXT if f"subj_{part}" in data}
    return {**user, "selinux": context} if context else user


def _add_record(event: dict[str, Any], data: dict[str, str], record: AuditRecord) -> None:
    """Add what a record says; a field that another one has stays."""
    if record.type == "PATH":
        event.setdefault("paths", []).append(record.data)
    elif record.type == "SOCKADDR":
        event["socket"] = record.data
        data.update({f"socket_{name}": value for name, value in record.data.items()})
    elif record.type == "EXECVE":
        count = int(record.data.get("argc", "0"))
        event["args"] = [record.data.get(f"a{number}", "") for number in range(count)]
        data["argc"] = record.data.get("argc", "")
    elif record.type == "PROCTITLE":
        event["title"] = record.data.get("proctitle", "")
    elif record.type == "CWD":
        event["cwd"] = record.data.get("cwd", "")
    else:
        for name, value in record.data.items():
            data.setdefault(name, value)


def _take_process(event: dict[str, Any], data: dict[str, str]) -> dict[str, Any]:
    found = {
        "pid": data.pop("pid", ""), "ppid": data.pop("ppid", ""), "title": event.get("title", ""), "name": data.pop("comm", ""),
        "exe": data.pop("exe", ""), "cwd": event.get("cwd") or data.pop("cwd", ""), "args": event.get("args", []),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _summarize(
    event: dict[str, Any], meanings: Sequence[Meaning], fields: dict[str, str], process: dict[str, Any]
) -> dict[str, Any]:
    meaning = next((one for one in meanings if one.action), meanings[0] if meanings else Meaning())
    ids = event["user"]["ids"]
    actor = {
        "primary": ids.get("auid", ""),
        "secondary": _find_first({**fields, **_select_own_ids(ids)}, meaning.actor),
    }
    about = {
        "type": meaning.object,
        "primary": _find_first(fields, meaning.primary),
        "secondary": _find_first(fields, meaning.secondary),
    }
    if meaning.object == "socket" and "socket" in event:
        socket = event["socket"]
        about.update(primary=socket.get("addr") or socket.get("path", ""), secondary=socket.get("port", ""))
    found: dict[str, Any] = {"actor": _without_empty(actor), "object": _without_empty(about)}
    if meaning.action:
        found["action"] = meaning.action
    exe = process.get("exe", "")
    how = process.get("name", "") if exe.startswith(_INTERPRETERS) else exe
    if how:
        found["how"] = how
    return found


def _select_own_ids(ids: dict[str, str]) -> dict[str, str]:
    return {"uid": ids["uid"]} if "uid" in ids else {}


def _set_ends(event: dict[str, Any], data: dict[str, str], main: AuditRecord) -> None:
    """Say from where and to where, by the address of a socket or of a message of a program."""
    call, socket = main.data.get("syscall", ""), event.get("socket", {})
    if socket.get("addr") and call in INCOMING | OUTGOING:
        end = _without_empty({"ip": socket["addr"], "port": socket.get("port", "")})
        event["source" if call in INCOMING else "destination"] = end
        event["network"] = {"direction": "ingress" if call in INCOMING else "egress"}
    elif main.type != "SYSCALL":
        source = _without_empty({"ip": data.pop("addr", ""), "hostname": data.pop("hostname", "")})
        if source:
            event["source"] = source
            event["network"] = {"direction": "ingress"}


def _set_file(event: dict[str, Any], summary: dict[str, Any], wanted: int) -> None:
    """Describe the file that an event is about; `wanted` is the number of its path where there are so many."""
    paths = event.get("paths", [])
    if not paths:
        return
    path = paths[wanted] if wanted < len(paths) else paths[0]
    summary["object"]["primary"] = path.get("name", "")
    mode = f"{int(path['mode'], 8) & 0o7777:04o}" if path.get("mode") else ""
    context = {part: path[f"obj_{part}"] for part in _CONTEXT if f"obj_{part}" in path}
    event["file"] = _without_empty({
        "path": path.get("name", ""), "device": path.get("rdev", ""), "inode": path.get("inode", ""), "mode": mode,
        "uid": path.get("ouid", ""), "gid": path.get("ogid", ""), "selinux": context,
    })  # fmt: skip


def _build_common_fields(meanings: Sequence[Meaning], fields: dict[str, str]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "category": [name for one in meanings for name in one.categories],
        "type": [name for one in meanings for name in one.types],
    }
    if any(one.alert for one in meanings):
        event["kind"] = "alert"
    user: dict[str, Any] = {"effective": {}, "target": {}, "changes": {}}
    for role, names in meanings[0].user if meanings else ():
        found = next((name for name in names.split() if name in fields), "")
        if role == "id" and found:
            user["id"] = fields[found]
        elif found:
            user[role] = {"name" if found in ("acct", "grp") else "id": fields[found]}
    return {"event": _without_empty(event), "user": user, "group": {}}


def _find_first(fields: dict[str, str], names: Sequence[str]) -> str:
    return next((fields[name] for name in names if name in fields), "")


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
