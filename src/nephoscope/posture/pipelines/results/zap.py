"""ZAP's reports in JSON and XML (traditional, also "plus"): https://www.zaproxy.org/docs/desktop/addons/report-generation/."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.pipelines.results.tool_results import (
    ResultsError,
    ToolResults,
    check_size,
    clean_text,
    make_finding,
    require_list,
    require_mapping,
    with_fingerprints,
)
from nephoscope.posture.pipelines.results.xml_text import parse_xml
from nephoscope_policy.model.state import Severity

_RISKS = {"0": Severity.INFORMATIONAL, "1": Severity.LOW, "2": Severity.MEDIUM, "3": Severity.HIGH}
_FALSE_POSITIVE = "0"
_ROOT = "OWASPZAPReport"
_TAG = re.compile(r"<[^<>]{0,1000}>")


def recognizes(document: object) -> bool:
    """Tell whether a document is a report of ZAP."""
    if isinstance(document, str):
        return f"<{_ROOT}" in document[:10_000]
    return (
        isinstance(document, dict) and "site" in document and "ZAP" in str(document.get("@programName", ""))
    )


def read(document: Any) -> ToolResults:
    """Read the alerts, one finding for each request; the confidence `False Positive` is suppressed."""
    if isinstance(document, str):
        document = _convert_to_json(parse_xml(document))
    found = [
        one
        for at, site in enumerate(require_list(document["site"], "site"))
        for alert in require_list(require_mapping(site).get("alerts"), f"site[{at}].alerts")
        for one in _read_findings(require_mapping(alert), f"site[{at}].alerts")
    ]
    check_size(found, "site")
    findings = [finding for finding, _ in found]
    return ToolResults(
        tool="ZAP",
        tool_version=clean_text(document.get("@version"), 100),
        findings=with_fingerprints(findings, [title for _, title in found]),
    )


def _convert_to_json(root: Element) -> dict[str, object]:
    """The report in XML as the one in JSON: the same members, attributes with an `@`."""
    if root.tag != _ROOT:
        raise ResultsError(f"the root must be {_ROOT} (got {clean_text(root.tag, 50)!r})")
    sites = [
        {"alerts": [_read_alert(item) for item in site.iterfind("alerts/alertitem")]}
        for site in root.iterfind("site")
    ]
    return {"@version": root.get("version"), "site": sites}


def _read_alert(item: Element) -> dict[str, Any]:
    instances = [_read_members(one) for one in item.iterfind("instances/instance")]
    return {**_read_members(item), "instances": instances}


def _read_members(element: Element) -> dict[str, object]:
    return {child.tag: child.text or "" for child in element if not len(child)}


def _read_findings(alert: Mapping[str, object], place: str) -> Iterator[tuple[CodeFinding, str]]:
    title = clean_text(alert.get("alert") or alert.get("name"), 300)
    accepted = str(alert.get("confidence")) == _FALSE_POSITIVE
    for one in require_list(alert.get("instances"), f"{place}.instances"):
        instance = require_mapping(one)
        address = clean_text(instance.get("uri"), 1_000).partition("?")[0].partition("#")[0]
        request = " ".join(clean_text(instance.get(name), 300) for name in ("method", "param")).strip()
        yield make_finding(
            f"zap-{clean_text(alert.get('alertRef') or alert.get('pluginid'), 50)}",
            address,
            f"{title}: {_strip_html(alert.get('desc'))}",
            _RISKS.get(str(alert.get("riskcode")), Severity.MEDIUM),
            state=FindingState.SUPPRESSED if accepted else FindingState.FAILED,
            subject=address,
            # queries and answers differ from run to run: the method and the parameter are what it is known by
            evidence=request,
            reason="marked as a false positive" if accepted else "",
            steps=[_strip_html(alert.get("solution"))],
        ), title  # fmt: skip


def _strip_html(html: object) -> str:
    return clean_text(unescape(_TAG.sub(" ", html[:20_000]))) if isinstance(html, str) else ""
