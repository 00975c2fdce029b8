"""Report expiry: reports whose verdict changes with time alone."""

from __future__ import annotations

from datetime import datetime

import msgspec

from nephoscope.estate.estate import Estate
from nephoscope_policy.azure_facts import list_report_types
from nephoscope_policy.report_age import explain_report_expiry, list_expired_claims


class AgedReports(msgspec.Struct, frozen=True):
    """Reports that a later evaluation takes otherwise because of their age alone: resources by id, and claims by scope and type."""

    ids: frozenset[str] = frozenset()
    claims: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def find(cls, old: Estate, then: datetime, new: Estate, now: datetime) -> AgedReports:
        """Compare two evaluations of an estate, each at its time."""
        return cls(find_aged_resources(old, then, new, now), find_aged_claims(old, then, new, now))


def find_aged_resources(old: Estate, then: datetime, new: Estate, now: datetime) -> frozenset[str]:
    """The ids of the resources whose report turned too old, or aged since it was."""
    if old is new and then == now:
        return frozenset()
    before, after = _find_expired_reports(old, then), _find_expired_reports(new, now)
    return frozenset(key for key, _ in before.items() ^ after.items())


def find_aged_claims(old: Estate, then: datetime, new: Estate, now: datetime) -> frozenset[tuple[str, str]]:
    """The scopes and types of the claims that said what is not there and no longer do, or the other way around."""
    if old.coverage is new.coverage and then == now:
        return frozenset()
    return frozenset(list_expired_claims(old.coverage, then)) ^ frozenset(
        list_expired_claims(new.coverage, now)
    )


def _find_expired_reports(estate: Estate, now: datetime) -> dict[str, str]:
    """The ids of the resources whose report is too old, with the reason."""
    found = (one for type_ in list_report_types() for one in estate.list_of_type(type_))
    return {one.key: why for one in found if (why := explain_report_expiry(one, now, estate.coverage))}
