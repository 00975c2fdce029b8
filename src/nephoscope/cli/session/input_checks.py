"""Input checks: an empty export, a misspelt scope or an unread history is an error, not a clean estate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from nephoscope.cli.session.estate_options import EstateOptions
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.collect.resources.template_detection import detect_template
from nephoscope.estate.estate import Estate
from nephoscope.model.utc_time import assume_utc
from nephoscope.posture.scans.scan import NoSuchScopeError
from nephoscope_policy.assignment import is_within_scope, normalize_scope


def check_options(options: EstateOptions) -> None:
    """Refuse options that name nothing, or that cannot be had together."""
    if any(not target.strip() for target in options["targets"]):
        exit_with_usage_error("empty TARGET: use a snapshot, or `sample:` for the bundled sample estate")
    if any(not tag.partition("=")[0].strip() for tag in options.get("tags") or ()):
        exit_with_usage_error("--tag needs the name of a tag: --tag owner or --tag owner=payments")
    since = options["since"]
    if since is None or Path(since).exists():
        return
    parse_date(since)
    if options["no_history"]:
        exit_with_usage_error(
            f"--since {since} reads the history, which --no-history excludes: use a snapshot instead"
        )


def check_estates(estates: Sequence[Estate], label: str, scope: str = "") -> None:
    """Refuse estates that hold nothing, and a scope that nothing lies under."""
    if not any(estate.quarantine for estate in estates) and not _has_read_resources(estates):
        refuse_empty(label)
    if scope and not any(_has_resources(estate, normalize_scope(scope)) for estate in estates):
        raise NoSuchScopeError(scope)


def _has_read_resources(estates: Sequence[Estate]) -> bool:
    return any(not one.derived for estate in estates for one in estate.resources.values())


def refuse_empty(label: str) -> NoReturn:
    """End because a target holds no resource."""
    exit_with_usage_error(
        detect_template(Path(label)) or f"{label}: contains no resource; the export may have failed"
    )


def check_earlier_snapshot(estates: Sequence[Estate], since: str) -> None:
    """Refuse an earlier snapshot that holds nothing, and tell what of it could not be read."""
    if not _has_read_resources(estates):
        exit_with_usage_error(f"--since {since}: contains no readable resource to compare with")
    lost = list(dict.fromkeys(record for estate in estates for record in estate.quarantine))
    for record in lost[:3]:
        print_message(f"--since {since}: not read: {record.place}: {record.reason}")
    if len(lost) > 3:
        print_message(f"--since {since}: {format_count(len(lost), 'record')} in all were not read")


def parse_date(text: str) -> datetime:
    """The instant that --since names, UTC where it has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        exit_with_usage_error(f"--since must be an existing snapshot or a date (got {text})")
    return assume_utc(moment)


def _has_resources(estate: Estate, scope: str) -> bool:
    groups = estate.management_groups
    return any(
        is_within_scope(key, scope, groups.get(one.id.subscription_id, ()))
        for key, one in estate.resources.items()
    )
