"""A parser as the public repositories write it, as a function of the workspace.

Source: https://learn.microsoft.com/azure/sentinel/normalization-develop-parsers (the YAML of ASIM's parsers).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from nephoscope.alerts.library.content_item import ContentItem, ContentKind, UnusableContent
from nephoscope_policy.model.source_location import Place

BODIES = ("ParserQuery", "FunctionQuery")
#: Every name that a file gives its function: rules call each of them.
NAMES = (
    "ParserName",
    "FunctionName",
    "FunctionAlias",
    "EquivalentBuiltInParser",
    "EquivalentBuiltInFunction",
)


def is_parser(document: Mapping[str, object]) -> bool:
    """Return whether a document is that of a parser."""
    return any(name in document for name in BODIES)


def convert_parser(
    document: Mapping[str, object], place: Place, source: str
) -> Iterator[ContentItem | UnusableContent]:
    """The function of a parser, once under each of its names."""
    body = next((document[name] for name in BODIES if document.get(name)), None)
    names = [str(document[name]).strip() for name in NAMES if document.get(name)]
    if not isinstance(body, str) or not names:
        yield UnusableContent(
            place, source, "", (f"a parser needs a text in {' or '.join(BODIES)} and a name",)
        )
        return
    try:
        parameters = _read_parameters(document.get("ParserParams"))
    except ValueError as error:
        yield UnusableContent(place, source, names[0], (str(error),))
        return
    version = _read_version(document)
    for name in dict.fromkeys(names):
        content: dict[str, object] = {"name": name, "parameters": parameters, "body": body}
        yield ContentItem(ContentKind.FUNCTION, name, name, version, source, content, place)


def _read_version(document: Mapping[str, object]) -> str:
    about = document.get("Parser") or document.get("Function")
    return str(about.get("Version", "")) if isinstance(about, dict) else ""


def _read_parameters(given: object) -> str:
    """As `.create function` writes them: `starttime:datetime=datetime(null), pack:bool=false`."""
    if given is None:
        return ""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValueError("ParserParams must be a list of objects")
    return ", ".join(_format_parameter(one, place) for place, one in enumerate(given))


def _format_parameter(one: Mapping[str, object], place: int) -> str:
    if not one.get("Name") or not one.get("Type"):
        raise ValueError(f"ParserParams[{place}] needs Name and Type")
    kind, default = str(one["Type"]).strip(), one.get("Default")
    if default is None:
        return f"{one['Name']}:{kind}"
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{one['Name']}:{kind}={json.dumps(text, ensure_ascii=False) if kind == 'string' else text}"
