"""A file system of its own in a mount namespace of its own, guarded by the agent's execution guard; run as a program.

It prints one JSON document: what each way to execute a program came to, and what the guard reported.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import select
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nephoscope_agent import execution_policy
from nephoscope_agent.execution_guard import ExecutionGuard, Refusal
from nephoscope_agent.execution_policy import ExecutionPolicy, read_loader
from nephoscope_agent.file_notices import add_mark, open_fanotify

#: Programs of the host that are copied, as what.
COPIES = {
    "true": ("allowed", "linked", "replaced"),
    "false": ("other", "moved"),
    "sh": ("sh",),
    "echo": ("hashed", "hashed2"),
}
#: A shell that ends with 0 where a library is mapped.
_IS_LOADED = (
    "while read -r line; do case $line in */lib/other.so*) exit 0;; esac; done < /proc/self/maps; exit 3"
)
LIMIT = Path("/proc/sys/fs/fanotify/max_queued_events")


def find(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, name
    return os.path.realpath(found)


def loader_of(program: str) -> str:
    descriptor = os.open(program, os.O_RDONLY)
    try:
        return read_loader(descriptor)
    finally:
        os.close(descriptor)


def build(root: Path) -> str:
    """Copy programs with their libraries below a root that processes are moved to; return the name of the loader."""
    (root / "bin").mkdir(parents=True)
    for source, names in COPIES.items():
        for name in names:
            shutil.copy(find(source), root / "bin" / name)
    loader = loader_of(find("true"))
    listed = subprocess.run(
        ["ldd", find("sh"), find("true")], capture_output=True, text=True, check=True
    ).stdout
    for word in {loader, *(one for one in listed.split() if one.startswith("/") and not one.endswith(":"))}:
        target = root / word.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(word), target)
        if target.name == "libc.so.6":
            (root / "lib").mkdir(exist_ok=True)
            shutil.copy(target, root / "lib/other.so")
    for path in ("script", "executed"):
        (root / "bin" / path).write_text("#!/bin/sh\nexit 0\n")
        (root / "bin" / path).chmod(0o755)
    with (root / "bin/hashed").open("ab") as file:
        file.write(b"of a rule by hash")
    return loader


def prepare(root: Path) -> None:
    """Rename, copy and link programs."""
    at = root / "bin"
    (at / "moved").rename(at / "renamed")
    shutil.copy(at / "allowed", at / "copied")
    os.link(at / "linked", at / "hard_link")
    os.link(at / "hashed", at / "hashed_link")
    shutil.copy(at / "hashed", at / "hashed_copy")
    (at / "symbolic").symlink_to("allowed")
    (at / "hashed3").write_bytes((at / "hashed").read_bytes() + b"changed")
    (at / "hashed3").chmod(0o755)
    (at / "static").write_bytes(make_static())
    (at / "static").chmod(0o755)
    mount(str(at), root / "bound", "--bind")
    shutil.copy(at / "other", at / "replacing")
    (at / "replacing").rename(at / "replaced")


def enter_mount_namespace() -> None:
    assert ctypes.CDLL(None, use_errno=True).unshare(0x00020000) == 0


def mount(kind: str, at: Path, *options: str) -> None:
    at.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *options, kind, str(at)], check=True)


def execute_opened(root: Path, *, deleted: bool) -> str:
    """Execute a program by a descriptor of it; `deleted`: it has no name any more."""
    path = root / "bin" / "opened"
    shutil.copy(root / "bin/other", path)
    descriptor = os.open(path, os.O_RDONLY)
    if deleted:
        path.unlink()
    found = execute(root, "opened", descriptor=descriptor)
    os.close(descriptor)
    return found


def mounted_later(root: Path) -> dict[str, str]:
    """Ways to execute what lies on file systems that were mounted after the guard started."""
    later, image = root / "later", root.parent / "image"
    mount("tmpfs", later, "-t", "tmpfs")
    shutil.copy(root / "bin/other", later / "other")
    (later / "static").write_bytes(make_static())
    (later / "static").chmod(0o755)
    mount("tmpfs", image, "-t", "tmpfs")
    build(image)
    return {
        "a program of a file system that was mounted later": execute(root, "/later/other"),
        "a program without a loader of such a file system": execute(root, "/later/static"),
        "a program of an image that was mounted later, with its own loader": execute(image, "/bin/other"),
    }


def policy(root: Path, mode: str = "Enforce") -> ExecutionPolicy:
    allowed = {str(root / "bin" / name) for name in ("allowed", "linked", "replaced", "sh")}
    digest = hashlib.sha256((root / "bin/hashed").read_bytes()).hexdigest()
    return ExecutionPolicy(mode, "", frozenset(allowed), (), frozenset({digest}))


def execute(
    root: Path, *words: str, descriptor: int = -1, first: Callable[[], object] = dict, preload: str = ""
) -> str:
    """Execute a program in its own root, once `first` was done: `ran`, or the name of the error of the kernel.

    `descriptor` is the open program, `preload` a library that the loader is to load.
    """
    child = os.fork()
    if child == 0:
        try:
            first()
            os.chroot(root)
            os.chdir("/")
            environment = {"LD_PRELOAD": preload} if preload else {}
            os.execve(descriptor if descriptor >= 0 else words[0], list(words), environment)
        except OSError as error:
            os._exit(100 + (error.errno or 0))
        finally:
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {0: "ran", 1: "ran", 101: "EPERM"}.get(code, str(code))


def make_static() -> bytes:
    """An ELF file without a loader that ends at once."""
    machine, code = {
        "x86_64": (62, bytes.fromhex("b83c00000031ff0f05")),
        "aarch64": (183, bytes.fromhex("a80b80d2000080d2010000d4")),
    }[platform.machine()]
    head = (
        b"\x7fELF\2\1\1"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    size = 120 + len(code)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 0x1000) + code


def execute_in_memory(root: Path, program: bytes) -> str:
    descriptor = os.memfd_create("other")
    os.write(descriptor, program)
    os.set_inheritable(descriptor, True)
    return execute(root, f"/proc/self/fd/{descriptor}")


def run_programs(root: Path) -> list[str]:
    return [execute(root, f"/bin/{one}") for one in ("allowed", "copied", "hard_link", "hashed")]


def blocked(root: Path) -> dict[str, Any]:
    """What becomes of programs whose hash an order blocks, beside a policy and without one."""
    at = root / "bin"
    digest = hashlib.sha256((at / "allowed").read_bytes()).hexdigest()
    found: dict[str, Any] = {}
    for name, given in {
        "without a policy": ExecutionPolicy("None", "", frozenset(), (), frozenset()),
        "in the mode Audit": policy(root, "Audit"),
    }.items():
        with guarding(root, replace(given, blocked=frozenset({digest}))) as guard:
            codes = aside(lambda: run_programs(root))
            own = execute(root, "/bin/allowed")
            refusals = read_refusals(guard, at_least=[*codes, own].count("EPERM"))
            found[name] = [*codes, own, sum(one.blocked and one.sha256 == digest for one in refusals)]
    return found


def aside(work: Callable[[], Any]) -> Any:
    """Do something in a process that is no child of the agent's: what the agent itself starts is allowed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        inner = os.fork()
        if inner == 0:
            with os.fdopen(writing, "w") as file:
                json.dump(work(), file)
            os._exit(0)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]))
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return json.loads(text)


@contextmanager
def guarding(root: Path, given: ExecutionPolicy) -> Iterator[ExecutionGuard]:
    guard = ExecutionGuard(given, [str(root)])
    try:
        yield guard
    finally:
        guard.close()


def read_refusals(guard: ExecutionGuard, at_least: int) -> list[Refusal]:
    """Read what the guard refused. It answers before it reports, so the last report may come after the answer."""
    refusals = list(guard.read())
    while len(refusals) < at_least and select.select([guard], [], [], 30)[0]:
        refusals += guard.read()
    return refusals


def describe_refusals(guard: ExecutionGuard, at_least: int = 1) -> list[list[Any]]:
    """Name the file of each refusal, whether it was blocked, and what went wrong."""
    refusals = read_refusals(guard, at_least)
    return [[one.path.rpartition("/")[2], one.blocked, one.problem] for one in refusals]


def ways(root: Path, loader: str) -> dict[str, str]:
    """Every way to execute something, by its name."""
    return {
        "a program of a path rule": execute(root, "/bin/allowed"),
        "another program": execute(root, "/bin/other"),
        "a script given to an interpreter": execute(root, "/bin/sh", "/bin/script"),
        "a script by its own name": execute(root, "/bin/executed"),
        "a renamed program": execute(root, "/bin/renamed"),
        "another program renamed over the path of a rule": execute(root, "/bin/replaced"),
        "a copy of a program of a path rule": execute(root, "/bin/copied"),
        "a hard link to a program of a path rule": execute(root, "/bin/hard_link"),
        "a symbolic link to a program of a path rule": execute(root, "/bin/symbolic"),
        "a program of a hash rule": execute(root, "/bin/hashed"),
        "a copy of a program of a hash rule": execute(root, "/bin/hashed_copy"),
        "a hard link to a program of a hash rule": execute(root, "/bin/hashed_link"),
        "a changed program of a hash rule": execute(root, "/bin/hashed3"),
        "ld.so FILE": execute(root, loader, "/bin/other"),
        "a program in memory (memfd)": execute_in_memory(root, (root / "bin/other").read_bytes()),
        "a program in memory (memfd) without a loader": execute_in_memory(root, make_static()),
        "a command given to an interpreter": execute(root, "/bin/sh", "-c", "exit 0"),
        "a program without a loader": execute(root, "/bin/static"),
        "another program by its descriptor": execute_opened(root, deleted=False),
        "another program by its descriptor, deleted": execute_opened(root, deleted=True),
        "another program through a bind mount": execute(root, "/bound/other"),
        "a program of a path rule through a bind mount": execute(root, "/bound/allowed"),
        "another program in a mount namespace of its own": execute(
            root, "/bin/other", first=enter_mount_namespace
        ),
        "a library that no rule names, loaded by a program of a path rule": execute(
            root, "/bin/sh", "-c", _IS_LOADED, preload="/lib/other.so"
        ),
        **mounted_later(root),
    }


def answering(guard: ExecutionGuard) -> int:
    """The process that answers: the child of the one that watches it."""
    children = Path(f"/proc/{guard.pid}/task/{guard.pid}/children").read_text(encoding="ascii")
    return int(children.split()[0])


def ended(guard: ExecutionGuard) -> bool:
    """Wait until the guard has ended; whether it said so."""
    os.set_blocking(guard.fileno(), True)
    try:
        while True:
            list(guard.read())
    except EOFError:
        return True


def failures(root: Path) -> dict[str, Any]:
    """What becomes of an execution that is not allowed, when the guard fails in some way."""

    def other() -> str:
        return str(aside(lambda: execute(root, "/bin/other")))

    found: dict[str, Any] = {}
    for name, fail in {
        "the process that answers is stopped": lambda one: os.kill(answering(one), signal.SIGSTOP),
        "the process that answers is killed": lambda one: os.kill(answering(one), signal.SIGKILL),
        "the process that watches is killed": lambda one: os.kill(one.pid, signal.SIGKILL),
    }.items():
        with guarding(root, policy(root)) as guard:
            before = other()
            fail(guard)
            told = ended(guard) if "killed" in name else None
            found[name] = [before, other(), told if told is not None else ended(guard)]
    broken = policy(root)
    broken.assess = lambda *_: int("none")  # type: ignore[assignment, method-assign]
    with guarding(root, broken) as guard:
        found["an error"] = [other(), describe_refusals(guard)[0][2].split(":")[0]]
    most, execution_policy._MOST_HASHED = execution_policy._MOST_HASHED, 1
    with guarding(root, policy(root)) as guard:
        found["a program too large to be hashed"] = [other(), describe_refusals(guard)[0][2].split()[1:]]
    execution_policy._MOST_HASHED = most
    with guarding(root, policy(root, "Audit")) as guard:
        found["the mode Audit"] = [other(), describe_refusals(guard)]
    found["the agent is killed"] = killed(root, signal.SIGKILL)
    found["the agent is stopped"] = killed(root, signal.SIGSTOP)
    found["a full queue"] = full(root)
    return found


def killed(root: Path, number: signal.Signals) -> list[str]:
    """An agent gets a signal: executions before and after it, 100 of a program that is allowed and one of another."""
    reading, writing = os.pipe()
    agent = os.fork()
    if agent == 0:
        guard = ExecutionGuard(policy(root), [str(root)])
        os.write(writing, f"{guard.pid} ".encode())
        signal.pause()
    guard_pid = int(os.read(reading, 100))
    before = execute(root, "/bin/other")
    os.kill(agent, number)
    if number == signal.SIGKILL:
        os.waitpid(agent, 0)
        while (
            Path(f"/proc/{guard_pid}").exists() and " Z " not in Path(f"/proc/{guard_pid}/stat").read_text()
        ):
            os.sched_yield()
    allowed = {execute(root, "/bin/allowed") for _ in range(100)}
    after = execute(root, "/bin/other")
    if number == signal.SIGSTOP:
        os.kill(agent, signal.SIGKILL)
        os.waitpid(agent, 0)
    return [before, *sorted(allowed), after]


def full(root: Path) -> list[str]:
    """A group with room for one question, which nobody answers: what is asked beyond it is allowed at once."""
    limit = LIMIT.read_text(encoding="ascii")
    try:
        LIMIT.write_text("1")
        descriptor = open_fanotify(0x4 | 0x1 | 0x2)
    finally:
        LIMIT.write_text(limit)
    add_mark(descriptor, 0x101, 0x00040000, str(root))
    waiting = os.fork()
    if waiting == 0:
        os.close(descriptor)  # else it would wait for an answer of its own
        code = execute(root, "/bin/other")
        os._exit(0 if code == "ran" else 1)
    select.select([descriptor], [], [])
    found = execute(root, "/bin/allowed")
    os.close(descriptor)
    return [found, str(os.waitstatus_to_exitcode(os.waitpid(waiting, 0)[1]))]


def main(place: Path) -> dict[str, Any]:
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "guarded", str(place)], check=True)
    root = place / "root"
    loader = build(root)
    (root / "proc").mkdir()
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    prepare(root)
    with guarding(root, policy(root)) as guard:
        found = aside(lambda: ways(root, loader))
        found["a program that the agent itself starts"] = execute(root, "/bin/other")
        reports = describe_refusals(guard, list(found.values()).count("EPERM"))
    return {"ways": found, "reports": reports, "failures": failures(root), "blocked": blocked(root)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
