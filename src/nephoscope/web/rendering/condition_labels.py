"""Condition labels: the conditions that decided a verdict, as a label and a value that a person reads."""

from __future__ import annotations

import re

from nephoscope.web.rendering.resource_type_names import name_type

#: Conditions are apart by a semicolon; one inside a value in quotes parts none.
_PART = re.compile(r'; (?=(?:[^"]*"[^"]*")*[^"]*$)')
_CONDITION = re.compile(
    r"(?P<count>count\()?(?P<path>[A-Za-z][\w.\[\]*/-]*)(?(count)\)) is "
    r'(?P<value>absent|null|true|false|-?\d+(?:\.\d+)?|"[^"]*(?:"|\.\.\.))(?: \((?P<members>[^()]+)\))?'
)
_ARRAY = re.compile(r"(?P<path>[A-Za-z][\w.\[\]*/-]*): the array is (?:absent|empty)")
_MISSING = re.compile(r"there is no (?P<type>[\w.-]+(?:/[\w.-]+)+)(?P<rest>.*)", re.DOTALL)
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\d|$|[^A-Za-z])|[A-Z]?[a-z]+\d*|\d+|[A-Z]")
_TLS = re.compile(r"TLS(\d)_(\d)")
_VALUES = {
    "absent": "not set",
    "null": "not set",
    "true": "yes",
    "false": "no",
    '""': "empty",
    '"NonCompliant"': "Non-compliant",
}
#: The last names of paths that say little without the name before them.
_VAGUE = frozenset(
    {"code", "defaultaction", "enabled", "id", "isenabled", "mode", "name", "state", "status", "tier", "type"}
)
_LABELS = {"status.code": "Status in Defender for Cloud"}
_SPELLED = {
    "aad": "Microsoft Entra", "acls": "ACLs", "ad": "AD", "api": "API", "arm": "ARM", "auth": "authentication", "cors": "CORS",
    "dns": "DNS", "exp": "expiry", "ftps": "FTPS", "http": "HTTP", "http20": "HTTP/2", "https": "HTTPS", "id": "ID", "ids": "IDs",
    "intel": "intelligence", "ip": "IP", "ipconfigurations": "IP configurations", "json": "JSON", "min": "minimum", "os": "OS",
    "php": "PHP", "rbac": "RBAC", "sku": "SKU", "sql": "SQL", "ssh": "SSH", "ssl": "SSL", "tcp": "TCP", "tls": "TLS", "url": "URL",
    "vm": "VM", "vnet": "VNet", "wdac": "WDAC",
}  # fmt: skip


def humanize_conditions(text: str) -> str:
    """Say conditions in words: `count(securityRules[*]) is 1 (any)` as `Security rules: any`; other texts are left as they are."""
    return "; ".join(map(_humanize_condition_part, _PART.split(text)))


def cite_conditions(text: str) -> str:
    """Say conditions in words, followed by the conditions themselves where those are others."""
    said = humanize_conditions(text)
    return f"{said} · {text}" if said != text else text


def _humanize_condition_part(text: str) -> str:
    if found := _CONDITION.fullmatch(text):
        return f"{name_property(found['path'])}: {_humanize_value(found)}"
    if found := _ARRAY.fullmatch(text):
        return f"{name_property(found['path'])}: none"
    if found := _MISSING.fullmatch(text):
        return f"No {_lower_first(name_type(found['type'].lower()))}{found['rest']}"
    return text


def _humanize_value(found: re.Match[str]) -> str:
    value = found["value"]
    if found["count"]:
        return found["members"] or ("none" if value == "0" else value)
    if (said := _VALUES.get(value)) is not None:
        return said
    return _TLS.sub(r"TLS \1.\2", value.strip('"'))


def name_property(path: str) -> str:
    """Name a property by the end of its path in words: `Microsoft.Web/sites/config/web.http20Enabled` as `HTTP/2 enabled`."""
    plain = path.rsplit("/", 1)[-1].replace("[*]", "")
    if (label := _LABELS.get(plain)) is not None:
        return label
    names = plain.removesuffix(".value").split(".")
    last = names[-1].lower()
    wanted = names[-2:] if last in _VAGUE else names[-1:]
    words = [word for one in wanted for word in _WORD.findall(one)]
    said = " ".join(_spell_condition_word(one) for one in _remove_is(words))
    return said[:1].upper() + said[1:] or path


def _remove_is(words: list[str]) -> list[str]:
    return [one for number, one in enumerate(words) if one.lower() != "is" or number == len(words) - 1]


def _spell_condition_word(word: str) -> str:
    return _SPELLED.get(word.lower(), word.lower())


def _lower_first(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
