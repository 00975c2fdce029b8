"""A table of REST requests: what is asked of each resource, and the documents that the answer makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

_VARIABLE = re.compile(r"\{(\w+)\}")
#: Parts of a query that say how an answer is given, and not what is asked.
_PRESENTATION = frozenset(
    {"per_page", "api-version", "$top", "includeAllProperties", "state", "criteria.states", "with_projects"}
)
_DOTS = {".": "%2E", "..": "%2E%2E"}


@dataclass(frozen=True, slots=True)
class RestListing:
    """A request for every resource of a type (`of`, '' = once) and what its answer is.

    `path` has `{variables}` that the resources above bind (`binds`: variable -> member). `items` is the member that holds the list, ''
    where the answer is one document; `name` the member that names a document, or the name itself. `keep` are the members that are kept
    (see projection), `shape` maps members of the document to members of the answer where Azure has a shape of its own.
    `permission` is what the token needs. A refusal whose text `nothing` matches says that there is none. With `scanner` the
    answer also says whether that scanner is on.
    """

    type: str
    of: str
    path: str
    permission: str
    keep: tuple[str, ...] = ()
    items: str = ""
    name: str = "default"
    shape: Mapping[str, str] = field(default_factory=dict)
    binds: Mapping[str, str] = field(default_factory=dict)
    nothing: str = ""
    scanner: str = ""
    service: str = ""

    def build_url(self, variables: Mapping[str, str]) -> str:
        """Give the path with the variables in it, each quoted as one segment."""
        return _VARIABLE.sub(lambda found: quote_segment(variables[found[1]]), self.path)


@dataclass(frozen=True, slots=True)
class DevOpsPlatform:
    """A platform: its listings, parents first, and the origin of each of its services ('' = the main one).

    `scope` is the one of a token that Entra ID gives, '' where it gives none; `recorder` the command that records an answer.
    """

    name: str
    title: str
    root: str
    variable: str
    listings: tuple[RestListing, ...]
    origins: Mapping[str, str]
    scope: str = ""

    def find_child_listings(self, type_: str) -> tuple[RestListing, ...]:
        """Give the listings that are asked for every resource of a type."""
        return tuple(one for one in self.listings if one.of == type_)


def quote_segment(text: str) -> str:
    """Quote a text as one segment of a path; a name of dots only cannot leave its folder."""
    return _DOTS.get(text) or quote(text, safe="")


def build_recording_name(url: str, service: str = "") -> str:
    """Give the file, relative to a recording, that holds the answer of a path: parts of the query that choose rows are in its name."""
    parts = urlsplit(url)
    chosen = [
        f"--{key}-{quote_segment(value)}" for key, value in parse_qsl(parts.query) if key not in _PRESENTATION
    ]
    return "/".join(filter(None, (service, parts.path.strip("/")))) + "".join(chosen) + ".json"
