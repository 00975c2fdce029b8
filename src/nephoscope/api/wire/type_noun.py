"""Type noun: the words for one document of an ARM type, such as 'just-in-time network access policy'."""

from __future__ import annotations

import re

#: Words of Azure's documentation for types whose names do not say them.
_KNOWN = {
    "applicationwhitelistings": "adaptive application control group",
    "azuredevopsorgs": "Azure DevOps organization",
    "devops": "DevOps configuration",
    "githubowners": "GitHub owner",
    "gitlabgroups": "GitLab group",
    "metadata": "content metadata",
    "onpremiseiotsensors": "on-premises IoT sensor",
    "repos": "repository",
    "sourcecontrols": "source control",
    "settings": "setting",
}
_WORD = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]|\b)|[A-Z]?[a-z]+|[A-Z]+")
_SPELLED = {"iot": "IoT", "jit": "just-in-time", "ml": "ML", "sql": "SQL"}


def read_type_noun(type_: str) -> str:
    """Return the words for one document of a type, in the singular: `Microsoft.Security/pricings` is a 'pricing'."""
    last = type_.rsplit("/", 1)[-1]
    if known := _KNOWN.get(last.lower()):
        return known
    *words, plural = [_SPELLED.get(word.lower(), word.lower()) for word in _WORD.findall(last)]
    return " ".join([*words, _make_singular(plural)])


def _make_singular(plural: str) -> str:
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    return plural.removesuffix("s")
