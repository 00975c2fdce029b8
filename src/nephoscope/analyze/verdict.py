"""Build the assessment in which an analyzer reports its verdict."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope_policy.data_gap import ANALYZER_FAILED
from nephoscope_policy.model.assessment import Assessment, SubAssessment
from nephoscope_policy.model.state import ComplianceState

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.analyze.assessment_key import Key
    from nephoscope_policy.model.resource import Resource


def report_healthy(
    resource: str, key: Key, description: str, cause: str = "", findings: Iterable[SubAssessment] = ()
) -> Assessment:
    """Nothing is wrong; `cause` where a policy asks by which means, `findings` lists accepted ones."""
    return Assessment(
        resource,
        key.id,
        ComplianceState.COMPLIANT,
        cause=cause,
        description=description,
        sub_assessments=tuple(findings),
    )


def report_unhealthy(
    resource: str, key: Key, description: str, findings: Iterable[SubAssessment] = (), cause: str = ""
) -> Assessment:
    """Something is wrong; `findings` lists what."""
    return Assessment(
        resource,
        key.id,
        ComplianceState.NON_COMPLIANT,
        cause=cause,
        description=description,
        sub_assessments=tuple(findings),
    )


def report_not_applicable(resource: str, key: Key, cause: str, description: str) -> Assessment:
    """The question does not arise."""
    return Assessment(resource, key.id, ComplianceState.NOT_APPLICABLE, cause=cause, description=description)


def report_unknown(resource: str, key: Key, cause: str, description: str) -> Assessment:
    """Nobody can say; `description` names what would be needed."""
    return Assessment(resource, key.id, ComplianceState.UNKNOWN, cause=cause, description=description)


def report_not_collected(resource: str, key: Key, gap: DataNotCollectedError) -> Assessment:
    """The answer depends on something that was not read."""
    return report_unknown(resource, key, gap.cause, gap.what)


def assess_all(
    resources: Iterable[Resource],
    key: Key,
    assess: Callable[[Resource, Key], Assessment],
    *,
    by_body: bool = True,
) -> Iterable[Assessment]:
    """Judge every resource; one whose answer needs more than was read is unknown, and so is one that the analyzer fails on.

    With `by_body` that is also one that came without properties.
    """
    for resource in resources:
        try:
            if by_body:
                _require_complete_body(resource)
            yield assess(resource, key)
        except DataNotCollectedError as gap:
            yield report_not_collected(str(resource.body["id"]), key, gap)
        except Exception as error:  # noqa: BLE001 - the boundary of a verdict: what one body holds keeps no other from its own
            _LOG.exception("the analyzer of %s failed on %s", key.id, resource.body["id"])
            yield make_failure(str(resource.body["id"]), key, error)


def make_failure(resource: str, key: Key, error: Exception) -> Assessment:
    """Nobody can say, since the analyzer has a fault, which the description names."""
    said = f"the analyzer failed: {type(error).__name__}: {error}"
    return report_unknown(resource, key, ANALYZER_FAILED, said[:300])


def _require_complete_body(resource: Resource) -> None:
    if not resource.complete:
        raise DataNotCollectedError(f"the properties of {resource.key}")


def make_finding(id_: str, title: str, severity: str, **details: object) -> SubAssessment:
    """One thing that is wrong inside an assessment."""
    return SubAssessment(id_, title, severity, dict(details))


def format_count(count: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 request`, `2 requests`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def join_names(names: Iterable[str], limit: int = 5) -> str:
    """Names joined for a sentence, the rest counted."""
    found = list(dict.fromkeys(names))
    rest = len(found) - limit
    return ", ".join(found[:limit]) + (f" and {rest} more" if rest > 0 else "")
