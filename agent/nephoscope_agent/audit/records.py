"""Audit records: the text of one record, taken apart and decoded.

The kernel quotes a text that it trusts, and writes any other one in hexadecimal digits without quotes.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field

from nephoscope_agent.audit.kernel_tables import ARCHITECTURES, ERRORS, SIGNALS, SYSTEM_CALLS

_HEADER = re.compile(r"^(?:type=(?P<type>\S+) )?(?:msg=)?audit\((?P<time>\d+\.\d+):(?P<sequence>\d+)\):? ?")
_PAIR = re.compile(r"""([a-z0-9_-]+)=((?:[^"'\s]+)|'(?:[^'])*'|"(?:[^"])*")""")
_PERMISSIONS = re.compile(r"avc:\s+(?P<result>\w+)\s+\{\s*(?P<permissions>[^}]*?)\s*\}\s+for\s+")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_PART = re.compile(r"""(?<!\S)(a\d+)\[\d+\]=("[^"]*"|\S+)""")
_NOTHING = frozenset(("", "?", "?,", "(null)"))
_UNSET_ID = ("4294967295", "-1")
_IDS = ("auid", "old-auid", "ses")
#: The fields that are decoded where they are not quoted, by the type of the record; "" = of every type.
_ENCODED = {
    "": ("exe", "cwd", "comm", "acct"),
    "CWD": ("cwd",),
    "PATH": ("name",),
    "PROCTITLE": ("proctitle",),
    "USER_CMD": ("cmd",),
    "TTY": ("data",),
    "USER_TTY": ("data",),
}
_CONTEXT = ("user", "role", "domain", "level", "category")


class AuditRecordError(ValueError):
    """A text that is no audit record."""


@dataclass
class AuditRecord:
    """A record: `time` in seconds since 1970, `data` its decoded fields, `keys` those of the rules that it matched."""

    type: str
    time: str
    sequence: int
    text: str
    data: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)


def parse_record(line: str, type_: str = "") -> AuditRecord:
    """Parse a line of the audit log, or a text of the netlink socket with its type. Raises AuditRecordError."""
    found = _HEADER.match(line)
    if found is None:
        raise AuditRecordError("not an audit record")
    record = AuditRecord((type_ or found["type"] or "").upper(), found["time"], int(found["sequence"]), line)
    raw: dict[str, str] = {}
    _read_pairs(_rewrite(record.type, line[found.end() :]), raw)
    record.data = {name: _unquote(value) for name, value in raw.items()}
    _enrich(record, raw)
    return record


def _rewrite(type_: str, text: str) -> str:
    """Return the text of a record of an older form as one of pairs."""
    if type_ in ("AVC", "USER_AVC"):
        found = _PERMISSIONS.search(text)
        if found is not None:
            permissions = ",".join(found["permissions"].split())
            return f"{text[: found.start()]}seresult={found['result']} seperms={permissions} {text[found.end() :]}"
    if type_ == "LOGIN":
        return text.replace("old ", "old_").replace("new ", "new_")
    if type_ == "EXECVE":
        return _join_arguments(text)
    if type_ in ("CRED_DISP", "USER_START", "USER_END"):
        return text.replace(" (hostname=", " hostname=").rstrip(")'")
    return text


def _join_arguments(text: str) -> str:
    """Join an argument that the kernel split for its length: a1[0]=.. a1[1]=.. is one a1."""
    parts: dict[str, str] = {}
    for name, content in _PART.findall(text):
        parts[name] = parts.get(name, "") + _unquote(content)
    return text + "".join(f" {name}={content}" for name, content in parts.items())


def _read_pairs(text: str, into: dict[str, str]) -> None:
    """Read the pairs of a text; those within `msg` stand beside the others."""
    for name, value in _PAIR.findall(text):
        plain = _unquote(value)
        if plain in _NOTHING:
            continue
        if name == "msg":
            _read_pairs(plain, into)
        else:
            into[name] = value


def _unquote(value: str) -> str:
    return value.strip("'\" \t\n")


def _enrich(record: AuditRecord, raw: dict[str, str]) -> None:
    data = record.data
    for name in (*_ENCODED[""], *_ENCODED.get(record.type, ())):
        if name in data:
            data[name] = decode_text(raw[name])
    for name in _IDS:
        if data.get(name) in _UNSET_ID:
            data[name] = "unset"
    for name in ("subj", "obj"):
        _split_context(data, name)
    _name_result(data)
    record.keys = _take_keys(data, raw)
    if record.type in ("SYSCALL", "SECCOMP"):
        _name_numbers(data)
    elif record.type == "SOCKADDR" and "saddr" in data:
        address = parse_address(data["saddr"])
        if address:
            del data["saddr"]
            data.update(address)
    elif record.type == "EXECVE":
        _decode_arguments(data, raw)


def decode_text(value: str) -> str:
    """Return a value that is quoted or encoded; blanks between arguments stand where the kernel has NUL."""
    if value[:1] in "\"'" or not _HEXADECIMAL.fullmatch(value):
        return _unquote(value)
    text = bytes.fromhex(value).decode("utf-8", "replace")
    return text.replace("\x00", " ").strip(" ")


def _split_context(data: dict[str, str], name: str) -> None:
    """Put the parts of a security context in place of it."""
    if name in data:
        parts = data.pop(name).split(":", len(_CONTEXT) - 1)
        data.update({f"{name}_{part}": value for part, value in zip(_CONTEXT, parts)})


def _name_result(data: dict[str, str]) -> None:
    given = (data.pop("success", "") or data.pop("res", "")).lower()
    data.pop("res", None)
    if given:
        data["result"] = "success" if given in ("yes", "1") or given.startswith("suc") else "fail"


def _take_keys(data: dict[str, str], raw: dict[str, str]) -> list[str]:
    """Remove the keys of rules from the fields, and return them; several are parted by a byte 1."""
    if "key" not in data:
        return []
    text = raw["key"]
    plain = _unquote(text)
    if text[:1] not in "\"'" and _HEXADECIMAL.fullmatch(text):
        plain = bytes.fromhex(text).decode("utf-8", "replace")
    del data["key"]
    keys = (one.partition("=")[2] or one for one in plain.split("\x01"))
    return [one for one in keys if one not in _NOTHING]


def _name_numbers(data: dict[str, str]) -> None:
    """Put names in place of the numbers of architecture, system call, error and signal."""
    if "arch" in data:
        data["arch"] = ARCHITECTURES.get(int(data["arch"], 16), data["arch"])
    if data.get("syscall", "").isdecimal():
        names = SYSTEM_CALLS.get(data.get("arch", ""), {})
        data["syscall"] = names.get(int(data["syscall"]), data["syscall"])
    if data.get("exit", "").startswith("-") and data["exit"][1:].isdecimal():
        data["exit"] = ERRORS.get(int(data["exit"][1:]), data["exit"])
    if data.get("sig", "").isdecimal():
        data["sig"] = SIGNALS.get(int(data["sig"]), data["sig"])


def _decode_arguments(data: dict[str, str], raw: dict[str, str]) -> None:
    """Decode a0, a1, ... and join what the kernel split for its length (a1[0], a1[1])."""
    for name in [one for one in data if re.fullmatch(r"a\d+", one)]:
        data[name] = decode_text(raw[name])


def parse_address(saddr: str) -> dict[str, str]:
    """Return family, address and port of a socket address in hexadecimal digits, {} where it is none."""
    try:
        content = bytes.fromhex(saddr)
    except ValueError:
        return {}
    if len(content) < 2:
        return {}
    family = int.from_bytes(content[:2], "little")
    if family == socket.AF_UNIX:
        return {
            "family": "unix",
            "path": content[2:].lstrip(b"\0").split(b"\0")[0].decode("utf-8", "replace"),
        }
    if family == socket.AF_INET and len(content) >= 8:
        port = int.from_bytes(content[2:4], "big")
        return {"family": "ipv4", "addr": socket.inet_ntop(socket.AF_INET, content[4:8]), "port": str(port)}
    if family == socket.AF_INET6 and len(content) >= 24:
        port, flow = int.from_bytes(content[2:4], "big"), int.from_bytes(content[4:8], "big")
        found = {
            "family": "ipv6",
            "addr": socket.inet_ntop(socket.AF_INET6, content[8:24]),
            "port": str(port),
        }
        return {**found, "flow": str(flow)} if flow else found
    if family == 16:
        return {"family": "netlink", "saddr": saddr}
    return {"family": str(family), "saddr": saddr}
