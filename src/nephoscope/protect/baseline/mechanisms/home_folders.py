"""Home folders of the accounts that can log in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_not_applicable,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import FileKind
from nephoscope.protect.baseline.mechanisms.accounts import PASSWD, UnixAccount, list_people
from nephoscope.protect.baseline.mechanisms.file_permissions import describe


def assess_homes(
    system: ExaminedSystem,
    violations: Callable[[ExaminedSystem, UnixAccount], Iterable[BaselineEvidence]],
    wrong: str,
    right: str,
) -> BaselineVerdict:
    """Judge the home folder of every account that can log in."""
    if not system.view.exists(PASSWD):
        return report_not_applicable("the root has no accounts")
    found = list_people(system)
    if not found:
        return report_not_applicable("no account can log in")
    return assess_violations(
        [evidence for one in found for evidence in violations(system, one)], wrong, right
    )


def _find_home(account: UnixAccount) -> str:
    return account.home.strip("/")


def find_missing_home(system: ExaminedSystem, account: UnixAccount) -> Iterable[BaselineEvidence]:
    """Yield a home that is no folder."""
    status = system.view.status(_find_home(account)) if account.home else None
    if status is None or status.kind is not FileKind.FOLDER:
        yield account.evidence()


def find_foreign_home(system: ExaminedSystem, account: UnixAccount) -> Iterable[BaselineEvidence]:
    """Yield a home that another account owns."""
    status = system.view.status(_find_home(account))
    if status is not None and status.uid != account.uid:
        yield describe(_find_home(account), status)


def open_home(system: ExaminedSystem, account: UnixAccount, most: int) -> Iterable[BaselineEvidence]:
    """Yield a home with permissions beyond some."""
    status = system.view.status(_find_home(account))
    if status is not None and status.kind is FileKind.FOLDER and status.mode & ~most & 0o777:
        yield describe(_find_home(account), status)


def find_writable_dot_files(
    system: ExaminedSystem, account: UnixAccount, most: int
) -> Iterable[BaselineEvidence]:
    """Yield hidden files of a home with permissions beyond some."""
    for name in system.view.names(_find_home(account)):
        path = f"{_find_home(account)}/{name}"
        status = system.view.read_entry_status(path) if name.startswith(".") else None
        if status is not None and status.kind is FileKind.FILE and status.mode & ~most & 0o777:
            yield describe(path, status)


def find_named_file(system: ExaminedSystem, account: UnixAccount, name: str) -> Iterable[BaselineEvidence]:
    """Yield a file of some name in a home."""
    path = f"{_find_home(account)}/{name}"
    status = system.view.status(path)
    if status is not None and status.kind is FileKind.FILE:
        yield describe(path, status)
