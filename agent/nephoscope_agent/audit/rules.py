"""Audit rules: the words of auditctl as the bytes that the kernel takes (struct audit_rule_data)."""

from __future__ import annotations

import grp
import os
import platform
import pwd
import shlex
import socket
import struct
from dataclasses import dataclass, field

from nephoscope_agent.audit.kernel_tables import (
    ARCHITECTURES,
    ERROR_NUMBERS,
    RECORD_NUMBERS,
    SYSTEM_CALL_NUMBERS,
    WIDTHS,
)

_LISTS = {"user": 0, "task": 1, "exit": 4, "exclude": 5, "filesystem": 6, "io_uring": 7}
_ACTIONS = {"never": 0, "possible": 1, "always": 2}
_PREPEND = 0x10
_MOST_FIELDS, _WORDS = 64, 64
#: The bits of all calls: the last word has half of them.
_ALL_CALLS = [0xFFFFFFFF] * (_WORDS - 1) + [0xFFFF]
#: The longest first, so that `>=` is not read as `>`.
_OPERATORS = {
    "&=": 0x48000000, "!=": 0x30000000, ">=": 0x60000000, "<=": 0x50000000, "=": 0x40000000, ">": 0x20000000,
    "<": 0x10000000, "&": 0x08000000,
}  # fmt: skip
_FIELDS = {
    "pid": 0, "uid": 1, "euid": 2, "suid": 3, "fsuid": 4, "gid": 5, "egid": 6, "sgid": 7, "fsgid": 8, "auid": 9, "loginuid": 9,
    "pers": 10, "arch": 11, "msgtype": 12, "subj_user": 13, "subj_role": 14, "subj_type": 15, "subj_sen": 16, "subj_clr": 17,
    "ppid": 18, "obj_user": 19, "obj_role": 20, "obj_type": 21, "obj_lev_low": 22, "obj_lev_high": 23, "sessionid": 25,
    "fstype": 26, "devmajor": 100, "devminor": 101, "inode": 102, "exit": 103, "success": 104, "path": 105, "perm": 106,
    "dir": 107, "filetype": 108, "obj_uid": 109, "obj_gid": 110, "field_compare": 111, "exe": 112, "saddr_fam": 113,
    "a0": 200, "a1": 201, "a2": 202, "a3": 203, "key": 210,
}  # fmt: skip
_TEXTS = frozenset((
    "path", "dir", "exe", "key", "subj_user", "subj_role", "subj_type", "subj_sen", "subj_clr", "obj_user", "obj_role",
    "obj_type", "obj_lev_low", "obj_lev_high",
))  # fmt: skip
_USERS = frozenset(("uid", "euid", "suid", "fsuid", "auid", "loginuid", "obj_uid"))
_GROUPS = frozenset(("gid", "egid", "sgid", "fsgid", "obj_gid"))
_PERMISSIONS = {"x": 1, "w": 2, "r": 4, "a": 8}
_FILE_TYPES = {
    "fifo": 0o010000, "character": 0o020000, "dir": 0o040000, "block": 0o060000, "file": 0o100000, "link": 0o120000,
    "socket": 0o140000,
}  # fmt: skip
_FILE_SYSTEMS = {"debugfs": 0x64626720, "tracefs": 0x74726163}
#: The pairs of AUDIT_COMPARE_*, from 1 on.
_COMPARED = (
    "uid obj_uid,gid obj_gid,euid obj_uid,egid obj_gid,auid obj_uid,suid obj_uid,sgid obj_gid,fsuid obj_uid,fsgid obj_gid,uid auid,"
    "uid euid,uid fsuid,uid suid,auid fsuid,auid suid,auid euid,euid suid,euid fsuid,suid fsuid,gid egid,gid fsgid,gid sgid,"
    "egid fsgid,egid sgid,sgid fsgid"
)
_COMPARISONS = {frozenset(pair.split()): number for number, pair in enumerate(_COMPARED.split(","), 1)}


class RuleError(ValueError):
    """A rule that cannot be meant, with the word that is wrong."""


@dataclass
class _Rule:
    flags: int = 4
    action: int = 2
    calls: list[str] = field(default_factory=list)
    fields: list[tuple[int, int, int]] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    architecture: int = 0

    def add_text(self, name: str, value: str, operator: int = _OPERATORS["="]) -> None:
        content = value.encode()
        self.texts.append(content)
        self.fields.append((_FIELDS[name], len(content), operator))


def build_rule(words: str, machine: str = "") -> bytes:
    """Return the bytes of a rule that is written as for auditctl; b64 and b32 are those of a machine. Raises RuleError."""
    rule, keys = _Rule(), []
    given = shlex.split(words)
    widths = WIDTHS.get(machine or platform.machine(), WIDTHS["x86_64"])
    permissions, watched = "", ""
    for option, value in _list_pairs(given):
        if option in ("-a", "-A"):
            _set_list(rule, value, _PREPEND if option == "-A" else 0)
        elif option == "-S":
            rule.calls += [one for one in value.split(",") if one]
        elif option == "-F":
            _add_filter(rule, value, widths)
        elif option == "-C":
            _add_comparison(rule, value)
        elif option == "-k":
            keys.append(value)
        elif option == "-w":
            watched = value
        elif option == "-p":
            permissions = value
    if watched:
        _add_watch(rule, watched, permissions or "rwxa")
    if keys:
        rule.add_text("key", "\x01".join(keys))
    return _pack(rule, widths)


def _list_pairs(given: list[str]) -> list[tuple[str, str]]:
    if len(given) % 2:
        raise RuleError(f"an option without its value: {given[-1]!r}")
    found = list(zip(given[::2], given[1::2]))
    for option, _ in found:
        if option not in ("-a", "-A", "-S", "-F", "-C", "-k", "-w", "-p"):
            raise RuleError(f"unknown option {option!r}")
    return found


def _set_list(rule: _Rule, value: str, prepend: int) -> None:
    first, _, second = value.partition(",")
    names = {first, second}
    lists, actions = names & _LISTS.keys(), names & _ACTIONS.keys()
    if len(lists) != 1 or len(actions) != 1:
        raise RuleError(f"give a list and an action, such as always,exit (got {value!r})")
    rule.flags, rule.action = _LISTS[lists.pop()] | prepend, _ACTIONS[actions.pop()]


def _add_watch(rule: _Rule, path: str, permissions: str) -> None:
    if not path.startswith("/"):
        raise RuleError(f"a watched path must be absolute (got {path!r})")
    plain = path.rstrip("/") or "/"
    rule.add_text("dir" if path.endswith("/") or os.path.isdir(plain) else "path", plain)
    rule.fields.append((_FIELDS["perm"], _count_permission_bits(permissions), _OPERATORS["="]))


def _add_filter(rule: _Rule, text: str, widths: tuple[int, int]) -> None:
    name, operator, value = _parse_split(text)
    if name not in _FIELDS:
        raise RuleError(f"unknown field {name!r}")
    if name in _TEXTS:
        rule.add_text(name, value, _OPERATORS[operator])
        return
    number = _parse_number(name, value, widths) & 0xFFFFFFFF
    if name == "arch":
        rule.architecture = number
    rule.fields.append((_FIELDS[name], number, _OPERATORS[operator]))


def _parse_split(text: str) -> tuple[str, str, str]:
    at = next((number for number, letter in enumerate(text) if letter in "=!<>&"), -1)
    operator = next((one for one in _OPERATORS if text.startswith(one, at)), "") if at > 0 else ""
    if not operator:
        raise RuleError(f"a filter needs a field, an operator and a value (got {text!r})")
    return text[:at], operator, text[at + len(operator) :]


def _parse_number(name: str, value: str, widths: tuple[int, int]) -> int:
    """Return the value of a field that is no text."""
    known = _map_named_values(name, widths)
    if value in known:
        return known[value]
    if name == "exit" and value.lstrip("-") in ERROR_NUMBERS:
        return (-1 if value.startswith("-") else 1) * ERROR_NUMBERS[value.lstrip("-")]
    if name == "perm":
        return _count_permission_bits(value)
    try:
        return int(value, 0)
    except ValueError:
        pass
    try:
        if name in _USERS:
            return pwd.getpwnam(value).pw_uid
        if name in _GROUPS:
            return grp.getgrnam(value).gr_gid
    except KeyError as error:
        raise RuleError(f"{name}: unknown name {value!r}") from error
    raise RuleError(f"{name}: not a number: {value!r}")


def _map_named_values(name: str, widths: tuple[int, int]) -> dict[str, int]:
    if name == "arch":
        return {
            "b64": widths[0],
            "b32": widths[1],
            **{each: number for number, each in ARCHITECTURES.items()},
        }
    if name == "success":
        return {"yes": 1, "no": 0, "1": 1, "0": 0}
    if name == "msgtype":
        return RECORD_NUMBERS
    if name == "filetype":
        return _FILE_TYPES
    if name == "fstype":
        return _FILE_SYSTEMS
    if name == "saddr_fam":
        return {
            "inet": socket.AF_INET,
            "inet6": socket.AF_INET6,
            "unix": socket.AF_UNIX,
            "local": socket.AF_UNIX,
        }
    return {"unset": 0xFFFFFFFF} if name in _USERS or name in _GROUPS or name == "sessionid" else {}


def _count_permission_bits(letters: str) -> int:
    if not letters or set(letters) - _PERMISSIONS.keys():
        raise RuleError(f"permissions are of r, w, x and a (got {letters!r})")
    return sum(_PERMISSIONS[one] for one in set(letters))


def _add_comparison(rule: _Rule, text: str) -> None:
    left, operator, right = _parse_split(text)
    number = _COMPARISONS.get(frozenset((left, right)))
    if number is None or operator not in ("=", "!="):
        raise RuleError(f"these fields cannot be compared: {text!r}")
    rule.fields.append((_FIELDS["field_compare"], number, _OPERATORS[operator]))


def _mask(rule: _Rule, widths: tuple[int, int]) -> list[int]:
    """The bits of the system calls; all of them where none is named."""
    if not rule.calls or "all" in rule.calls:
        return list(_ALL_CALLS)
    architecture = ARCHITECTURES[rule.architecture or widths[0]]
    numbers = SYSTEM_CALL_NUMBERS.get(architecture, {})
    mask = [0] * _WORDS
    for call in rule.calls:
        number = int(call) if call.isdecimal() else numbers.get(call, -1)
        if not 0 <= number < _WORDS * 32:
            raise RuleError(f"{architecture} has no system call {call!r}")
        mask[number // 32] |= 1 << number % 32
    return mask


def _pack(rule: _Rule, widths: tuple[int, int]) -> bytes:
    if len(rule.fields) > _MOST_FIELDS:
        raise RuleError(f"a rule has at most {_MOST_FIELDS} fields")
    columns = list(zip(*rule.fields)) or [(), (), ()]
    padded = [list(column) + [0] * (_MOST_FIELDS - len(column)) for column in columns]
    text = b"".join(rule.texts)
    head = struct.pack("<3I", rule.flags, rule.action, len(rule.fields))
    body = struct.pack("<64I64I64I64I", *_mask(rule, widths), *padded[0], *padded[1], *padded[2])
    content = head + body + struct.pack("<I", len(text)) + text
    return content + b"\0" * (-len(content) % 4)
