"""Formatting of numbers, times and ids on pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape

from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.web.rendering.resource_type_names import name_type
from nephoscope_policy.model.assessment import get_failure_title
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

STATES = {
    ComplianceState.NON_COMPLIANT: "Unhealthy",
    ComplianceState.COMPLIANT: "Healthy",
    ComplianceState.EXEMPT: "Exempt",
    ComplianceState.NOT_APPLICABLE: "Not applicable",
    ComplianceState.UNKNOWN: "Not assessed",
    ComplianceState.ERROR: "Error",
}
"""Names of evaluation results, on pages and in their files."""
#: Causes of Unknown and Error in the words of a person; another is shown as it is.
CAUSES = {
    "not-collected": "Required data was not collected",
    "stale": "The required report is out of date",
    "invalid-value": "A value of the resource is not valid",
    "no-properties": "The snapshot lists the resources without their properties",
    "not-held": "An assigned definition is missing",
    "parameter-error": "A parameter of the assignment is invalid",
    "too-many-steps": "The rule exceeds the limit of items for one resource",
    "initiative-error": "The initiative is invalid",
    "version-not-held": "The assigned version of a definition is missing",
    "ambiguous": "Several definitions have the assigned name",
    "definition-error": "The definition is invalid",
    "expression-error": "An expression of the rule has no result",
    "data-plane-mode": "The policy judges the data plane, which is not read",
    "request-only": "The policy judges requests, not resources",
    "analyzer-failed": "The analyzer has a fault: see the log",
    "no-analyzer": "No analyzer answers the recommendation yet",
    "classic": "Machines of the classic model are not assessed",
    "unreadable-rule": "A security rule could not be understood",
    "security-admin-rules": "Security admin rules of a network manager are not assessed",
    "not-evaluated": "A part of the network is not modelled",
}
_CODE = re.compile("`([^`]+)`")


def format_integer(value: float | None) -> str:
    """A whole number with thousands apart; a dash for none."""
    return "–" if value is None else f"{value:,.0f}"


def count_text(count: int, word: str, several: str = "") -> str:
    """A number with what it counts: `1 row`, `2 rows`; `several` is the plural where it is not made by an s."""
    return f"{format_integer(count)} {word if count == 1 else several or word + 's'}"


def capitalize_first_letter(text: str) -> str:
    """Begin a text with a capital; the rest, such as names, stays as it is."""
    return text[:1].upper() + text[1:]


def format_unmet_title(title: str, fails: object = True) -> str:
    """Return the title of a recommendation, as get_failure_title calls it where something fails it."""
    return get_failure_title(title) if fails else title


def format_finding(title: str, fails: object = True) -> str:
    """Return what was found on a resource that fails the recommendation of a title."""
    return describe_failure(title) if fails else title


def describe_cause_or_state(cause: str, state: str = "") -> str:
    """A cause in words; where there is none, what a state is called."""
    return CAUSES.get(cause, cause) or (STATES[ComplianceState(state)] if state else "")


def format_share(value: float | None) -> str:
    """A share as a percentage; a dash for none."""
    return "–" if value is None else f"{value * 100:.0f} %"


def format_moment(value: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_age(value: datetime) -> str:
    """Return how long ago a time is."""
    seconds = (datetime.now(UTC) - value).total_seconds()
    if seconds < 90:
        return "just now" if seconds < 45 else "a minute ago"
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size * 1.5 or (seconds >= size and word != "minute"):
            count = round(seconds / size)
            return f"{count} {word}{'s' if count != 1 else ''} ago"
    return "a minute ago"


def format_duration(seconds: float) -> str:
    """Return how long something lasts."""
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"


def spell_duration(span: timedelta) -> str:
    """A span in whole units, from the largest: `14 days`, `1 hour 30 minutes`."""
    rest, words = round(span.total_seconds()), []
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {word}{'s' if count != 1 else ''}")
    return " ".join(words) or "0 s"


def format_size(count: int) -> str:
    """Return a number of bytes in the largest unit of which there are whole ones: `1 GiB`, `1,500 bytes`."""
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count and count % (1 << shift) == 0:
            return f"{count >> shift:,} {unit}"
    return count_text(count, "byte")


def format_ports(ports: str) -> str:
    """Ports as Azure writes them (`[22,3389]`, `[0-65535]`) in words."""
    found = ports.strip("[]").replace(" ", "")
    return "all ports" if found == "0-65535" else found.replace(",", ", ")


def format_code(text: str) -> Markup:
    """A text in which what stands between backticks is code."""
    return Markup(_CODE.sub(r'<span class="text-code">\1</span>', str(escape(text))))  # noqa: S704 - escaped before


def name_kind(id_: str) -> str:
    """Return what people call the type of a resource, '' for what is no id."""
    try:
        return name_type(ResourceId.parse(id_).type.lower())
    except ValueError:
        return ""


#: The state of a suppression as Azure calls it -> the word of the pages.
SUPPRESSION_STATES = {"Enabled": "Active", "Disabled": "Disabled", "Expired": "Ended"}
_REASONS = {"FalsePositive": "False positive", "BenignPositive": "Benign positive"}


def describe_suppression_reason(word: str) -> str:
    """Say why something is suppressed: `FalsePositive` as `False positive`."""
    return _REASONS.get(word, word)


def describe_suppression_state(status: str) -> str:
    """Say the state of a suppression in the word of the pages."""
    return SUPPRESSION_STATES.get(status, status)
