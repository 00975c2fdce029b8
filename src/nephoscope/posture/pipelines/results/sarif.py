"""SARIF 2.1.0 of any tool, as https://docs.oasis-open.org/sarif/sarif/v2.1.0/ describes it; of several runs all must be one tool's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.pipelines.results.tool_results import (
    ResultsError,
    ToolResults,
    check_size,
    clean_text,
    find_severity_of_score,
    make_finding,
    require_list,
    require_mapping,
    with_fingerprints,
)
from nephoscope_policy.model.state import Severity

_LEVELS = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.INFORMATIONAL,
}
#: The name that our own SARIF has: its fingerprints and its category are those of the gate's JSON.
OWN_TOOL = "nephoscope"
#: What our own titles begin with, since they say what should be done.
_UNMET = "Not met: "
#: Keys of `partialFingerprints` and `fingerprints` that say which finding it is, the best first.
_MARKS = ("primaryLocationLineHash", "matchBasedId/v1", "contextHash/v1")


def recognizes(document: object) -> bool:
    """Tell whether a document is SARIF."""
    return isinstance(document, dict) and isinstance(document.get("runs"), list) and "version" in document


def read(document: Any) -> ToolResults:
    """Read the runs; results that pass (`kind` pass or notApplicable) or are gone (`baselineState` absent) are left out."""
    if document["version"] != "2.1.0":
        raise ResultsError(f"version must be 2.1.0 (got {clean_text(document['version'], 50)!r})", "version")
    runs = [require_mapping(one) for one in document["runs"]]
    if not runs:
        raise ResultsError("has no run", "runs")
    drivers = [require_mapping(require_mapping(run.get("tool")).get("driver")) for run in runs]
    names = {clean_text(one.get("name"), 100) for one in drivers}
    if len(names) != 1 or "" in names:
        raise ResultsError("must be one tool's, with a name: send the runs of each tool separately", "runs")
    found = [one for at, run in enumerate(runs) for one in _read_results(run, f"runs[{at}]")]
    check_size(found, "runs")
    tool = names.pop()
    if tool != OWN_TOOL:  # a hash of a line says nothing of the rule and the file
        found = [
            (one, title, f"{one.rule}/{one.region.file}/{mark}" if mark else "") for one, title, mark in found
        ]
    return ToolResults(
        tool=tool,
        tool_version=clean_text(drivers[0].get("semanticVersion") or drivers[0].get("version"), 100),
        category="" if tool == OWN_TOOL else _read_category(runs[0]),
        findings=with_fingerprints(*map(list, zip(*found, strict=True))) if found else (),
        unread=tuple(sorted({one for run in runs for one in _list_unread_files(run)})),
        failure=next((one for run in runs if (one := _read_failure(run))), ""),
    )


def _read_results(run: Mapping[str, object], place: str) -> Iterator[tuple[CodeFinding, str, str]]:
    driver = require_mapping(require_mapping(run.get("tool")).get("driver"))
    rules = [require_mapping(one) for one in require_list(driver.get("rules"), f"{place}.tool.driver.rules")]
    by_id = {clean_text(one.get("id"), 300): one for one in rules}
    for at, one in enumerate(require_list(run.get("results"), f"{place}.results")):
        result = require_mapping(one)
        if result.get("kind") in ("pass", "notApplicable") or result.get("baselineState") == "absent":
            continue
        id_ = clean_text(result.get("ruleId") or require_mapping(result.get("rule")).get("id"), 300)
        rule = by_id.get(id_) or _find_rule(rules, result.get("ruleIndex"))
        yield _make_finding(result, id_ or clean_text(rule.get("id"), 300), rule, f"{place}.results[{at}]")


def _find_rule(rules: list[Mapping[str, object]], index: Any) -> Mapping[str, object]:
    whole = isinstance(index, int) and not isinstance(index, bool)
    return rules[index] if whole and 0 <= index < len(rules) else {}


def _make_finding(
    result: Mapping[str, object], id_: str, rule: Mapping[str, object], place: str
) -> tuple[CodeFinding, str, str]:
    location = require_mapping(next(iter(require_list(result.get("locations"), f"{place}.locations")), None))
    physical = require_mapping(location.get("physicalLocation"))
    region = require_mapping(physical.get("region"))
    logical = require_mapping(
        next(iter(require_list(location.get("logicalLocations"), f"{place}.locations[0]")), None)
    )
    title = _read_message(rule.get("shortDescription")) or clean_text(rule.get("name"), 300) or id_
    file = _read_file(physical)
    finding = make_finding(
        id_,
        file,
        _read_message(result.get("message")) or title,
        _read_severity(result, rule),
        line=region.get("startLine"),
        column=region.get("startColumn"),
        state=_read_state(result),
        subject=clean_text(logical.get("fullyQualifiedName"), 1_000),
        evidence=_read_message(region.get("snippet")),
        reason=_read_reason(result),
    )
    return finding, clean_text(title, 300).removeprefix(_UNMET), _read_mark(result)


def _read_category(run: Mapping[str, object]) -> str:
    """Return what divides a tool's runs over one repository: the id of the run's automation up to its last slash."""
    return clean_text(require_mapping(run.get("automationDetails")).get("id"), 200).rpartition("/")[0]


def _read_file(physical: Mapping[str, object]) -> str:
    uri = clean_text(require_mapping(physical.get("artifactLocation")).get("uri"), 1_000)
    return unquote(uri.removeprefix("file://")).removeprefix("./")


def _read_message(message: object) -> str:
    texts = require_mapping(message)
    return clean_text(texts.get("text")) or clean_text(texts.get("markdown"))


def _read_severity(result: Mapping[str, object], rule: Mapping[str, object]) -> Severity:
    """Return the severity of a rule's `security-severity` (a CVSS score), else of the level."""
    for properties_owner in (result, rule):
        try:
            return find_severity_of_score(
                float(require_mapping(properties_owner.get("properties"))["security-severity"])
            )
        except (KeyError, TypeError, ValueError):
            continue
    level = result.get("level") or require_mapping(rule.get("defaultConfiguration")).get("level")
    return _LEVELS.get(str(level), Severity.MEDIUM)


def _read_state(result: Mapping[str, object]) -> FindingState:
    if _read_reason(result):
        return FindingState.SUPPRESSED
    return FindingState.UNKNOWN if result.get("kind") in ("open", "review") else FindingState.FAILED


def _read_reason(result: Mapping[str, object]) -> str:
    """Return why a result is suppressed; '' where it is not, or where a suppression is not accepted."""
    several = result.get("suppressions")
    suppressions = [require_mapping(one) for one in several] if isinstance(several, list) else []
    if not suppressions or any(one.get("status") in ("underReview", "rejected") for one in suppressions):
        return ""
    return clean_text(suppressions[0].get("justification"), 500) or "suppressed"


def _read_mark(result: Mapping[str, object]) -> str:
    partial = require_mapping(result.get("partialFingerprints"))
    given = {**require_mapping(result.get("fingerprints")), **partial}
    marks = [*(name for name in _MARKS if name in given), *sorted(given)]
    return next((clean_text(given[name], 200) for name in marks if isinstance(given[name], str)), "")


def _read_failure(run: Mapping[str, object]) -> str:
    """Return why a run that says itself that it failed did; '' for one that did not."""
    for invocation in require_list(run.get("invocations"), "invocations"):
        invocation_record = require_mapping(invocation)
        if invocation_record.get("executionSuccessful") is False:
            notes = require_list(
                invocation_record.get("toolExecutionNotifications"), "toolExecutionNotifications"
            )
            said = next(
                (one for note in notes if (one := _read_message(require_mapping(note).get("message")))), ""
            )
            code = invocation_record.get("exitCode")
            said = said or clean_text(invocation_record.get("exitCodeDescription"), 300)
            return said or (f"exit code {code}" if code is not None else "it gives no reason")
    return ""


def _list_unread_files(run: Mapping[str, object]) -> Iterator[str]:
    """Give the files that the tool says it could not judge: those of notifications that warn or fail."""
    for invocation in require_list(run.get("invocations"), "invocations"):
        notifications = require_mapping(invocation).get("toolExecutionNotifications")
        for one in require_list(notifications, "toolExecutionNotifications"):
            notification = require_mapping(one)
            if notification.get("level") not in ("error", "warning"):
                continue
            for location in require_list(notification.get("locations"), "locations"):
                file = _read_file(require_mapping(require_mapping(location).get("physicalLocation")))
                if file:
                    yield file
