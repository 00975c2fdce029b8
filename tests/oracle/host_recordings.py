"""Recordings of hosts as the text that a log would have held: Windows events, lines of syslog and web servers, records of auditd."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from corpus_records import Record, lines

#: Lines of a benign log that are judged together.
BLOCK = 200


@dataclass(frozen=True)
class Recording:
    """What was recorded, with what an alert about it must carry: `attack` = one must come, `elsewhere` = techniques that may come."""

    source: str
    id: str
    data: bytes
    attack: bool
    techniques: tuple[str, ...] = ()
    tactic: str = ""
    elsewhere: tuple[str, ...] = ()
    lines: int = 1
    expected: tuple[Mapping[str, Any], ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)
    wrong: str = ""


def windows_document(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as the usual dumps of an event log write it."""
    system = {
        "Provider": {"#attributes": {"Name": event.get("provider") or ""}},
        "EventID": event["event_id"],
        "Channel": event.get("channel") or "",
        "TimeCreated": {"#attributes": {"SystemTime": event["time"]}},
        "Computer": event.get("computer") or "",
        "EventRecordID": event.get("record_id"),
        "Security": {"#attributes": {"UserID": event.get("user_sid") or ""}},
    }
    return {"Event": {"System": system, "EventData": event.get("data") or {}}}


def as_lines(events: Sequence[Any]) -> bytes:
    """Events, a line each: what is text already stays as it is."""
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in events).encode()


def _windows_evtx(line: Record) -> Recording:
    one = line.value
    data = as_lines([windows_document(event) for event in one["events"]])
    tactic = re.sub(r"^TA\d+-|[^a-z]", "", one["tactic"].replace(" ", "").lower().split("-")[-1])
    return Recording("windows_evtx", one["id"], data, True, tuple(one["techniques"]), tactic, record=one)


def _mapped(source: str, line: Record) -> Recording:
    one = line.value
    names = [".".join(filter(None, (each["technique"], each.get("sub")))) for each in one["mappings"] or []]
    return Recording(source, one["id"], as_lines(one["events"]), True, tuple(names), record=one)


def _otrf_hosts(line: Record) -> Recording:
    return _mapped("otrf_hosts", line)


def _azure_tables(line: Record) -> Recording:
    return _mapped("azure_tables", line)


def _sigma_regression(line: Record) -> Recording:
    one = line.value
    data = as_lines([windows_document(event) for event in one["events"]])
    names = [name.upper() for name in re.findall(r"attack\.(t\d{4}(?:\.\d{3})?)", one["rule"])]
    return Recording("sigma_regression", one["id"], data, True, tuple(names), record=one)


def _wazuh_lines(line: Record) -> Recording:
    one = line.value
    return Recording("wazuh_lines", one["id"], as_lines(one["lines"]), one["level"] >= 5, record=one)


def _crowdsec_logs(line: Record) -> Recording:
    one = line.value
    wanted = tuple(each for each in one["expected_alerts"] or [] if each["scenario"] or each["sources"])
    return Recording(
        "crowdsec_logs", one["id"], one["log"].encode(), bool(wanted), expected=wanted, record=one
    )


def _tracee_cases(line: Record) -> Recording:
    one = line.value
    data = as_lines(audit_records(one["input"]))
    return Recording("tracee_cases", one["id"], data, one["fires"], tuple(one["techniques"]), record=one)


#: The flags of open(2) that a case does not name, or names by a call, are those that write.
_WRITES, _EVENT = 1, "audit(1748779200.000:1000)"


def audit_records(given: Mapping[str, Any]) -> list[str]:
    """The records that auditd writes of a call with these arguments: SYSCALL, PATH or EXECVE, and the process title."""
    flags = given.get("flags", _WRITES)
    mode = flags if isinstance(flags, int) else _WRITES
    path = (
        given.get("newPath") or given.get("pathname") or given.get("sunPath") or given.get("execPath") or ""
    )
    name = str(given.get("eventName") or "")
    executed = given.get("execPath") if "pathname" not in given else None
    call = (
        82
        if "rename" in name or "newPath" in given
        else 42
        if "sunPath" in given or "connect" in name
        else 257
    )
    process = given.get("execPath") or "/usr/bin/perl"
    number = 59 if executed or "envVars" in given else call
    head = (
        f"type=SYSCALL msg={_EVENT}: arch=c000003e syscall={number} success=yes exit=3 a0=ffffff9c a1=7f0 a2={mode:x} a3=0 items=1 "
        f'ppid=900 pid=1234 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm="{Path(process).name}" exe="{process}" key=(null)'
    )
    tail = (
        [f'type=PATH msg={_EVENT}: item=0 name="{path}" inode=5 mode=0100644 ouid=0 ogid=0 nametype=NORMAL']
        if path
        else []
    )
    words = [*given.get("envVars", []), process]
    run = [
        f"type=EXECVE msg={_EVENT}: argc={len(words)} "
        + " ".join(f'a{at}="{one}"' for at, one in enumerate(words))
    ]
    return [head, *(run if number == 59 else []), *tail]


def _loghub(name: str, line: Callable[[Mapping[str, Any]], str]) -> Callable[[Path], Iterator[Recording]]:
    def read(path: Path) -> Iterator[Recording]:
        several = [(place // BLOCK, one) for place, one in enumerate(lines(path))]
        for number, block in groupby(several, key=lambda each: each[0]):
            found = [line(one.value) for _, one in block]
            yield Recording(f"loghub_{name}", f"{name}-{number}", as_lines(found), False, lines=len(found))

    return read


def _linux(one: Mapping[str, Any]) -> str:
    process = one["component"] + (f"[{one['pid']}]" if one.get("pid") else "")
    return f"{one['month']} {int(one['date']):>2} {one['time']} {one['level']} {process}: {one['content']}"


def _openssh(one: Mapping[str, Any]) -> str:
    return f"{one['date']} {int(one['day']):>2} {one['time']} {one['component']} sshd[{one['pid']}]: {one['content']}"


def _windows(one: Mapping[str, Any]) -> str:
    return f"{one['date']} {one['time']}, {one['level']:<20} {one['component']:<6} {one['content']}"


def _apache(one: Mapping[str, Any]) -> str:
    return f"[{one['time']}] [{one['level']}] {one['content']}"


def _openstack(one: Mapping[str, Any]) -> str:
    return (
        f"{one['logrecord']} {one['date']} {one['time']} {one['pid']} {one['level']} {one['component']} "
        f"[{one['addr']}] {one['content']}"
    )


def _each(read: Callable[[Record], Recording], source: str) -> Callable[[Path], Iterator[Recording]]:
    def recordings(path: Path) -> Iterator[Recording]:
        for line in lines(path):
            try:
                yield read(line)
            except Exception as error:  # noqa: BLE001 - a runner's border: a record that cannot be read is a miss, and is shown
                wrong = line.wrong or f"{type(error).__name__}: {error}"
                yield Recording(source, line.place, b"", True, wrong=wrong)

    return recordings


def _read_tracee_cases(path: Path) -> Iterator[Recording]:
    """The cases of detectors; where one does not fire, another may that fires on the same call."""
    cases = list(_each(_tracee_cases, "tracee_cases")(path))
    firing: dict[bytes, set[str]] = defaultdict(set)
    for case in cases:
        if case.attack:
            firing[_unnumbered(case.data)] |= set(case.techniques)
    for case in cases:
        others = () if case.attack else tuple(sorted(firing[_unnumbered(case.data)]))
        yield replace(case, elsewhere=others)


def _unnumbered(records: bytes) -> bytes:
    """Records without the number of a process in a path of /proc."""
    return re.sub(rb"/proc/(?:self|\d+)/", b"/proc/", records)


#: The file of each source, and how its recordings are read.
SOURCES: dict[str, Callable[[Path], Iterator[Recording]]] = {
    "windows_evtx.jsonl.gz": _each(_windows_evtx, "windows_evtx"),
    "otrf_hosts.jsonl.gz": _each(_otrf_hosts, "otrf_hosts"),
    "azure_tables.jsonl.gz": _each(_azure_tables, "azure_tables"),
    "sigma_regression.jsonl.gz": _each(_sigma_regression, "sigma_regression"),
    "wazuh_lines.jsonl.gz": _each(_wazuh_lines, "wazuh_lines"),
    "crowdsec_logs.jsonl.gz": _each(_crowdsec_logs, "crowdsec_logs"),
    "tracee_cases.jsonl": _read_tracee_cases,
    "loghub_linux.jsonl.gz": _loghub("linux", _linux),
    "loghub_openssh.jsonl.gz": _loghub("openssh", _openssh),
    "loghub_windows.jsonl.gz": _loghub("windows", _windows),
    "loghub_apache.jsonl.gz": _loghub("apache", _apache),
    "loghub_openstack.jsonl.gz": _loghub("openstack", _openstack),
}
