"""Readable text for what programs write into texts: names in camel case, types of resources, lists in JSON."""

from __future__ import annotations

import re

from nephoscope.model.identity_display_names import name_value
from nephoscope.web.rendering.resource_type_names import name_type

_CAMEL = re.compile(r"([a-z]+(?:[A-Z][a-z]*)+)(?=$|: )")
_LOWER = re.compile(r"[a-z]+(?:[ -][a-z]+)*")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: A type, and the path to a resource of it where one follows.
_TYPE = re.compile(
    r"(?<![/\w.])microsoft\.[a-z]+(?:/[a-z0-9]+)+?(?=/(?:subscriptions|resourcegroups)/|$|[\s,;:)])(/[^\s,;]+)?",
    re.IGNORECASE,
)
_LIST = re.compile(r'\[("[^"\[\]]*"(?:, ?"[^"\[\]]*")*)\]')
_MEMBER = re.compile(r'"([^"]*)"')


def humanize_name(text: str) -> str:
    """Say a name that begins a text in words: `atRisk` as `At risk`; one word, or a sentence, is left as it is."""
    if (named := name_value(text)) != text:
        return named
    found = _CAMEL.match(text)
    if found is None:
        return text
    words = _CAPITAL.sub(" ", found[1]).lower()
    return words[:1].upper() + words[1:] + text[found.end() :]


def humanize_choice(text: str) -> str:
    """Say a value of an enumeration in words that begin with a capital: `servicePrincipal`, `not collected`, `full`."""
    said = humanize_name(text)
    return said[:1].upper() + said[1:] if _LOWER.fullmatch(said) else said


def humanize_member(text: str) -> str:
    """Say a member of an enumeration of Azure in words: `GreaterThan` as `Greater than`."""
    return _CAPITAL.sub(" ", text).capitalize()


def humanize_lists(text: str) -> str:
    """Say lists of texts as people write them: `["a","b"]` as `a, b`."""
    return _LIST.sub(lambda found: ", ".join(_MEMBER.findall(found[1])), text)


def humanize_types(text: str) -> str:
    """Call types of resources by their names, and a resource that follows its type by its own."""
    return _TYPE.sub(_humanize_resource, text)


def humanize_members(text: str) -> str:
    """Say all of these in words."""
    return humanize_types(humanize_lists(humanize_name(text)))


def _humanize_resource(found: re.Match[str]) -> str:
    path = found[1] or ""
    name = name_type(found[0].removesuffix(path).lower())
    return f"{name} {path.rsplit('/', 1)[-1]}" if path else name
