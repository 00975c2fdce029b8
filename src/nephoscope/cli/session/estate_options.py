"""The shapes of the options that commands over an estate share, as click hands them over."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NotRequired, TypedDict


class JudgedOptions(TypedDict):
    """Evaluation options: the targets, and the policies that judge them, as `judged_by` adds them."""

    targets: tuple[str, ...]
    policies: tuple[str, ...]
    initiatives: tuple[str, ...]
    parameters: tuple[tuple[str, object], ...]
    decisions: tuple[str, ...]
    assigned: bool
    scope: str
    tenant: str
    at: datetime | None
    since: str | None
    history: str | None
    no_history: bool


class EstateOptions(JudgedOptions):
    """Evaluation options with filters; those of division and grouping only where a command has them."""

    subscriptions: tuple[str, ...]
    resource_groups: tuple[str, ...]
    types: tuple[str, ...]
    tags: tuple[str, ...]
    severities: NotRequired[tuple[str, ...]]
    states: NotRequired[tuple[str, ...]]
    group_by: NotRequired[str | None]
    top: NotRequired[int]
    delta: NotRequired[bool]
    in_parts: NotRequired[str]
    part_size: NotRequired[int | None]
    wait: NotRequired[float]


class ViewOptions(EstateOptions):
    """Evaluation options with the format and file of the view, as `format_option` and `to_file` add them."""

    output: str
    output_file: str | None


class ScanOptions(EstateOptions):
    """Options of `scan`, for an estate or for files before their deployment."""

    explain: str | None
    output: str
    output_file: Path | None
    fail_on: str | None
    fail_on_unknown: bool
    parameters_files: tuple[Path, ...]
    location: str | None
    reports: tuple[tuple[str, Path], ...]
    deploy_to: str
    baseline: Path | None
    write_baseline: Path | None
    failing_policies: tuple[str, ...]
    passing_policies: tuple[str, ...]
    fix: bool
    results: tuple[Path, ...]
    cache: bool
    cache_size: int
    tools: str
    allowed_openings: Path | None
