"""Execution policy: what may be executed on this machine, signed by the server, and the verdict about an opened file."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from nephoscope_agent.ed25519 import is_signed
from nephoscope_agent.settings import write_durably

POLICY = "application-policy.json"
#: Before the content that is signed, so that no signature of something else is one of a policy.
PREFIX = b"nephoscope application policy\n"
#: A larger program is not hashed, so that no execution waits for a disk.
_MOST_HASHED = 64 << 20
_VERDICTS = 8_192
_ELF, _INTERPRETER = b"\x7fELF", 3


class ExecutionPolicyError(Exception):
    """A policy that must not be enforced, with the reason."""


class Verdict(NamedTuple):
    """Whether a file may be executed, its SHA-256 ('' = not needed), and the loader that its execution opens next ('' = none).

    `blocked`: an order forbids the file, whatever the mode of the policy is.
    """

    allowed: bool
    sha256: str
    loader: str
    problem: str = ""
    blocked: bool = False


@dataclass
class ExecutionPolicy:
    """Paths, folders and hashes that may be executed; `mode` is Audit, Enforce, or None where `blocked` hashes alone are refused."""

    mode: str
    changed: str
    paths: frozenset[str]
    folders: tuple[str, ...]
    hashes: frozenset[str]
    blocked: frozenset[str] = frozenset()
    _verdicts: OrderedDict[tuple[object, ...], Verdict] = field(default_factory=OrderedDict)

    def assess(self, descriptor: int, path: str) -> Verdict:
        """Return the verdict about an open file. A file that cannot be judged may be executed, with the reason."""
        found = os.fstat(descriptor)
        key = (path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if key not in self._verdicts:
            self._verdicts[key] = self._judge(descriptor, path, found.st_size)
            if len(self._verdicts) > _VERDICTS:
                self._verdicts.popitem(last=False)
        return self._verdicts[key]

    def _judge(self, descriptor: int, path: str, size: int) -> Verdict:
        loader = read_loader(descriptor)
        by_path = self.mode == "None" or path in self.paths or path.startswith(self.folders)
        if not self.blocked and (by_path or not self.hashes):
            return Verdict(by_path, "", loader)
        if size > _MOST_HASHED:
            return Verdict(True, "", loader, f"{path} is too large to be hashed")
        digest = _compute_digest(descriptor, size)
        if digest in self.blocked:
            return Verdict(False, digest, loader, blocked=True)
        return Verdict(by_path or digest in self.hashes, digest, loader)


def load_policy(folder: Path, key: str, resource: str) -> ExecutionPolicy:
    """Read the policy of a folder. Raises ExecutionPolicyError."""
    try:
        return verify_policy(json.loads((folder / POLICY).read_text(encoding="utf-8")), key, resource)
    except OSError as error:
        raise ExecutionPolicyError(f"no policy: {error.strerror}") from error
    except ValueError as error:
        raise ExecutionPolicyError(f"the policy cannot be read: {error}") from error


def store_policy(folder: Path, envelope: dict[str, str], key: str, resource: str) -> None:
    """Keep a policy that the server sent, unless it is older than the one that is kept. Raises ExecutionPolicyError, OSError."""
    content, path = json.dumps(envelope, sort_keys=True).encode(), folder / POLICY
    if path.exists() and path.read_bytes() == content:
        return
    policy = verify_policy(envelope, key, resource)
    try:
        changed = load_policy(folder, key, resource).changed
    except ExecutionPolicyError:
        changed = ""
    if policy.changed < changed:
        raise ExecutionPolicyError("the policy is older than the one that is kept")
    write_durably(path, content)


def verify_policy(envelope: dict[str, str], key: str, resource: str) -> ExecutionPolicy:
    """Return the policy of an envelope. Raises ExecutionPolicyError where the server did not sign it for this machine."""
    try:
        content = envelope["content"].encode()
        if not is_signed(bytes.fromhex(key), bytes.fromhex(envelope["signature"]), PREFIX + content):
            raise ExecutionPolicyError("the signature of the policy is not that of the server")
        return _read_policy(json.loads(content), resource)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExecutionPolicyError(f"the policy cannot be read: {error}") from error


def _read_policy(document: dict[str, object], resource: str) -> ExecutionPolicy:
    if str(document["machine"]).lower() != resource.lower():
        raise ExecutionPolicyError("the policy is for another machine")
    rules = document["rules"]
    if not isinstance(rules, list):
        raise ExecutionPolicyError("the policy has no rules")
    values = [(str(one["kind"]), str(one["value"])) for one in rules]
    paths = [value for kind, value in values if kind == "File"]
    return ExecutionPolicy(
        str(document["mode"]), str(document["changed"]), frozenset(one for one in paths if not one.endswith("/*")),
        tuple(one[:-1] for one in paths if one.endswith("/*")),
        frozenset(value.lower() for kind, value in values if kind == "FileHash"),
    )  # fmt: skip


def _compute_digest(descriptor: int, size: int) -> str:
    made, at = hashlib.sha256(), 0
    while at < size:
        block = os.pread(descriptor, 1 << 20, at)
        if not block:
            break
        made.update(block)
        at += len(block)
    return made.hexdigest()


def read_loader(descriptor: int) -> str:
    """Return the loader that an ELF file names (PT_INTERP), '' where it names none."""
    head = os.pread(descriptor, 64, 0)
    if len(head) < 52 or head[:4] != _ELF:
        return ""
    order = "<" if head[5] == 1 else ">"
    wide = head[4] == 2
    offset, size, count = _read_program_headers(head, order, wide)
    for number in range(min(count, 64)):
        found = _read_interpreter(os.pread(descriptor, size, offset + number * size), order, wide)
        if found is not None:
            return os.fsdecode(os.pread(descriptor, min(found[1], 4096), found[0]).rstrip(b"\0"))
    return ""


def _read_program_headers(head: bytes, order: str, wide: bool) -> tuple[int, int, int]:
    """Where the program headers of an ELF file begin, how long one is, and how many there are."""
    if wide:
        (offset,), sizes = (
            struct.unpack_from(f"{order}Q", head, 32),
            struct.unpack_from(f"{order}HH", head, 54),
        )
    else:
        (offset,), sizes = (
            struct.unpack_from(f"{order}I", head, 28),
            struct.unpack_from(f"{order}HH", head, 42),
        )
    return offset, sizes[0], sizes[1]


def _read_interpreter(header: bytes, order: str, wide: bool) -> tuple[int, int] | None:
    """Where the name of the loader is and how long it is, None for a program header of something else."""
    if len(header) < (56 if wide else 32) or struct.unpack_from(f"{order}I", header)[0] != _INTERPRETER:
        return None
    if wide:
        return struct.unpack_from(f"{order}Q", header, 8)[0], struct.unpack_from(f"{order}Q", header, 32)[0]
    return struct.unpack_from(f"{order}I", header, 4)[0], struct.unpack_from(f"{order}I", header, 16)[0]
