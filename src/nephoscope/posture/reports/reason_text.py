"""The conditions that decided a verdict, as a short sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from nephoscope.model.secret_redaction import redact_read
from nephoscope_policy.model.assessment import Reason

#: Conditions told in a sentence; the JSON output has all.
MAX_SAID = 3
#: An alias: a namespace, types, and the path of a property.
_ALIAS = re.compile(r"[A-Za-z][\w-]*\.[\w.-]+(?:/[\w.*\[\]-]+)+")
MAX_VALUE = 60
#: What says which resource is meant, not what is wrong with it.
_PLAIN = frozenset({"type", "kind", "name", "fullname", "id"})


def format_reasons(reasons: Iterable[Reason]) -> str:
    """Return deciding conditions as a short sentence without secrets; '' where there are none."""
    said = dict.fromkeys(_format_reason(reason) for reason in reasons if reason.subject.lower() not in _PLAIN)
    return "; ".join(list(said)[:MAX_SAID])


def _format_reason(reason: Reason) -> str:
    if reason.message:
        return reason.message
    value = json.dumps(redact_read(reason.subject, reason.actual), ensure_ascii=False, default=str)
    value = value if len(value) <= MAX_VALUE else value[:MAX_VALUE] + "..."
    return f"{name_subject(reason.subject)} is {value}{format_members(reason)}"


def format_members(reason: Reason) -> str:
    """Return what a count took, in parentheses: ` (allow-ssh, allow-rdp and 3 more)`; '' where it took nothing that has a name."""
    named = reason.members[:MAX_SAID]
    if not named:
        return ""
    counted = reason.actual if isinstance(reason.actual, int) else 0
    more = max(counted, len(reason.members)) - len(named)
    return f" ({', '.join(named)} and {more} more)" if more else f" ({', '.join(named)})"


def name_subject(subject: str) -> str:
    """Return what a condition read, each alias in it by the end of its path; what stands around them is left:
    `count(securityRules[*])`."""
    if subject.lower().startswith("tags"):  # the name of a tag may have a slash
        return subject
    return _ALIAS.sub(lambda found: found[0].rsplit("/", 1)[-1], subject)
