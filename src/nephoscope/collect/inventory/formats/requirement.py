"""Requirements of Python (PEP 508) as they stand in requirement files, project files and setup scripts."""

from __future__ import annotations

import re
from typing import NamedTuple

_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)", re.DOTALL
)
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>)\s*([^\s,;)#]+)(?:#.*)?")
_LOWEST = ("==", "===", ">=", "~=")
_URL = re.compile(r"@\s*(\S+)")


class PythonRequirement(NamedTuple):
    """A requirement: the name, the version that it pins, else the lowest or the highest that it
    names, and its range where it pins none."""

    name: str
    version: str
    constraint: str


def parse_requirement(text: str) -> PythonRequirement | None:
    """Return a requirement; None where the text is none."""
    found = _REQUIREMENT.fullmatch(text.partition(";")[0].strip())
    if found is None:
        return None
    name, rest = found[1], found[3].strip().strip("()").strip()
    if rest.startswith("@"):
        url = _URL.match(rest)
        return PythonRequirement(name, "", url[0] if url else rest)
    clauses = _CLAUSE.findall(rest)
    if rest and (not clauses or _CLAUSE.sub("", rest).strip(" ,")):
        return None
    if len(clauses) == 1 and clauses[0][0] in ("==", "===") and "*" not in clauses[0][1]:
        return PythonRequirement(name, clauses[0][1], "")
    lowest = next((version for sign, version in clauses if sign in _LOWEST and "*" not in version), "")
    highest = next((version for sign, version in clauses if sign == "<=" and "*" not in version), "")
    return PythonRequirement(
        name, lowest or highest, ",".join(sign + version for sign, version in clauses) or "*"
    )
