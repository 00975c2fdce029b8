"""Permission bits and owners of files and folders."""

from __future__ import annotations

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import FileStatus
from nephoscope.protect.baseline.mechanisms.accounts import read_groups


def describe(path: str, status: FileStatus) -> BaselineEvidence:
    """Return the permissions and owners of a file as evidence."""
    return BaselineEvidence(path, 0, f"mode {status.mode:o}, uid {status.uid}, gid {status.gid}")


def assess_permissions(
    system: ExaminedSystem, path: str, most: int, groups: tuple[str, ...] = ("root",)
) -> BaselineVerdict:
    """Judge that a file belongs to root and one of some groups and has no permission bits beyond some."""
    status = system.view.status(path)
    if status is None:
        return report_not_applicable(f"the root has no /{path}")
    wrong = explain_excess_permissions(system, status, most, groups)
    evidence = describe(path, status)
    return (
        report_failure(f"/{path} {wrong}", evidence)
        if wrong
        else report_pass(f"/{path} is restricted", evidence)
    )


def explain_excess_permissions(
    system: ExaminedSystem, status: FileStatus, most: int, groups: tuple[str, ...]
) -> str:
    """Return what is wrong with permissions and owners, '' for nothing; raises UnreadableRootFileError."""
    wrong = []
    if status.mode & ~most & 0o7777:
        wrong.append(f"must have mode {most:o} or stricter, and has {status.mode:o}")
    if status.uid != 0:
        wrong.append(f"must belong to root, and belongs to the uid {status.uid}")
    if status.gid != 0 and status.gid not in _group_ids(system, groups):
        wrong.append(f"must have the group {' or '.join(groups)}, and has the gid {status.gid}")
    return "; ".join(wrong)


def _group_ids(system: ExaminedSystem, groups: tuple[str, ...]) -> set[int]:
    if groups == ("root",):
        return {0}
    return {one.gid for one in system.read_cached(read_groups) if one.name in groups}


def assess_any_permissions(system: ExaminedSystem, paths: tuple[str, ...], most: int) -> BaselineVerdict:
    """Judge the permissions of those of some files that exist."""
    found = [(path, status) for path in paths if (status := system.view.status(path)) is not None]
    if not found:
        return report_not_applicable(f"the root has none of {', '.join(f'/{path}' for path in paths)}")
    wrong = [
        describe(path, status)
        for path, status in found
        if explain_excess_permissions(system, status, most, ("root",))
    ]
    if wrong:
        return report_failure(f"must belong to root with mode {most:o} or stricter", *wrong)
    return report_pass("restricted to root", *(describe(path, status) for path, status in found))
