"""Readers of text in known forms: URLs, paths, versions, XML, CSV, command lines, user agents."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from urllib.parse import unquote_plus
from xml.parsers import expat

from sqlglot import exp

from nephoscope_kql.functions.declaration import (
    apply_routine,
    declare_macro,
    declare_rowwise,
    declare_scalar_macro,
)
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.functions.tostring import get_text_argument
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.sql import nodes

MAX_XML = 1024 * 1024
"""The most bytes of XML that Kusto reads; longer text is null."""
MAX_DEPTH = 100


def _make_reader(name: str, summary: str, value: Callable[[str], object], *aliases: str) -> ScalarFunction:
    def read_text(text: str) -> str | None:
        found = value(text)
        return None if found is None else format_json(found)

    return declare_scalar_macro(
        __name__,
        f"{name}(text: string): dynamic",
        summary=summary,
        routine=declare_rowwise(f"kql_{name}", ("VARCHAR",), "VARCHAR", read_text),
        aliases=aliases,
    )


def _parse_query(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.removeprefix("?").split("&") if part)
    return {unquote_plus(key): unquote_plus(value) for key, _, value in pairs}


_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://)?(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?P<host>\[[^\]]*\]|[^:/?#]*)(?::(?P<port>\d*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)


def _parse_url(text: str) -> dict[str, object] | None:
    match = _URL.fullmatch(text)
    if not text or match is None:
        return None
    found = {name: value or "" for name, value in match.groupdict().items()}
    return {
        "Scheme": found["scheme"],
        "Host": found["host"],
        "Port": found["port"],
        "Path": found["path"],
        "Username": found["user"],
        "Password": found["password"],
        "Query Parameters": _parse_query(found["query"]),
        "Fragment": found["fragment"],
    }


parse_url = _make_reader("parse_url", "Take a URL apart; null for ''.", _parse_url, "parseurl")
parse_urlquery = _make_reader(
    "parse_urlquery",
    "Take the query of a URL apart.",
    lambda text: {"Query Parameters": _parse_query(text)},
    "parseurlquery",
)

_ROOT = re.compile(r"[A-Za-z]:[\\/]?")


def _parse_path(text: str) -> dict[str, str]:
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "", text
    root = match[0] if (match := _ROOT.match(rest)) else ""
    stream = ""
    colon = rest.rfind(":")
    if colon >= max(len(root), 2) and not set(rest[colon:]) & set("\\/"):
        rest, stream = rest[:colon], rest[colon + 1 :]
    cut = max(rest.rfind("/"), rest.rfind("\\"))
    directory, name = rest[: max(cut, 0)], rest[cut + 1 :]
    last = max(directory.rfind("/"), directory.rfind("\\"))
    return {
        "Scheme": scheme,
        "RootPath": root,
        "DirectoryPath": directory,
        "DirectoryName": directory[last + 1 :],
        "Filename": name,
        "Extension": name.rpartition(".")[2] if "." in name else "",
        "AlternateDataStreamName": stream,
    }


parse_path = _make_reader("parse_path", "Take a file path apart.", _parse_path)


def _compute_csv_line(text: str) -> list[str]:
    try:
        return next(csv.reader([text.replace("\r\n", "\n").split("\n")[0]], strict=False), [""]) or [""]
    except csv.Error:
        return [text]


parse_csv = _make_reader("parse_csv", "Take the first line of CSV text apart.", _compute_csv_line)

_PLACES = ("10000000000000", "100000", "0.001", "0.00000000001")
_SCALES = "[" + ", ".join(f"CAST('{place}' AS DECIMAL(38,11))" for place in _PLACES) + "]"
_VERSION = declare_macro(
    "kql_parse_version(x)",
    "CASE WHEN regexp_full_match(x, '\\s*[0-9]{1,8}(\\.[0-9]{1,8}){0,3}\\s*') THEN "
    "CAST(list_sum(list_transform([1, 2, 3, 4], "
    f"lambda i: CAST(coalesce(nullif(split_part(trim(x), '.', i), ''), '0') AS BIGINT) * {_SCALES}[i])) "
    f"AS DECIMAL(38,17)) END",
)


@declare_function("parse_version(version: string): decimal")
def parse_version(call: Arguments) -> exp.Expr:
    """Give a number by which versions of up to four parts compare; null where it is none."""
    return apply_routine(call, _VERSION, call[0])


class _Xml:
    """Builds what Kusto makes of XML: attributes with @, text as #text, repeated elements as arrays."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, dict[str, object], list[str]]] = []
        self.root: dict[str, object] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise ValueError("too deep")
        self.stack.append((name, {f"@{key}": value for key, value in attributes.items()}, []))

    def text(self, data: str) -> None:
        if self.stack:
            self.stack[-1][2].append(data)

    def end(self, _name: str) -> None:
        name, bag, texts = self.stack.pop()
        text = "".join(texts)
        if not text.strip():
            text = ""
        value: object = bag
        if not bag:
            value = text or None
        elif text:
            bag["#text"] = text
        self._add_value(self.stack[-1][1] if self.stack else self.root, name, value)

    @staticmethod
    def _add_value(target: dict[str, object], name: str, value: object) -> None:
        if name not in target:
            target[name] = value
            return
        known = target[name]
        target[name] = [*known, value] if isinstance(known, list) else [known, value]


def _parse_xml(text: str) -> dict[str, object] | None:
    if not text.strip() or len(text.encode()) > MAX_XML:
        return None
    tree = _Xml()
    parser = expat.ParserCreate()
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.EntityDeclHandler = _refuse_entities
    parser.buffer_text = True
    try:
        parser.Parse(text.strip(), True)
    except (expat.ExpatError, ValueError):
        return None
    return tree.root or None


def _refuse_entities(*_arguments: object) -> None:
    raise ValueError("entities are not read")


parse_xml = _make_reader("parse_xml", "Read XML as a bag; null where it is none.", _parse_xml)


def _compute_windows_words(text: str) -> list[str]:
    """The arguments of a command line as the Windows C run time divides them."""
    words: list[str] = []
    word: list[str] = []
    quoted = started = False
    place = 0
    while place < len(text):
        one = text[place]
        if one == "\\":
            run = len(text) - place - len(text[place:].lstrip("\\"))
            place += run
            before_quote = place < len(text) and text[place] == '"'
            word.append("\\" * (run // 2 if before_quote else run))
            started = True
            if before_quote and run % 2:
                word.append('"')
                place += 1
            continue
        if one == '"':
            quoted, started = not quoted, True
        elif one in " \t\r\n" and not quoted:
            if started:
                words.append("".join(word))
            word, started = [], False
        else:
            word.append(one)
            started = True
        place += 1
    return [*words, "".join(word)] if started else words


_COMMAND = declare_rowwise(
    "kql_command_line",
    ("VARCHAR",),
    "VARCHAR",
    lambda text: format_json(_compute_windows_words(text)) if text else None,
)


@declare_function("parse_command_line(command: any, parser: const string): dynamic")
def parse_command_line(call: Arguments) -> exp.Expr:
    """Divide a Windows command line into its arguments; null for ''."""
    if call.get_text(1).lower() != "windows":
        raise call.make_error(1, "the parser is 'windows'")
    return apply_routine(call, _COMMAND, get_text_argument(call, 0))


def _estimate_size(call: Arguments) -> exp.Expr:
    sizes = [
        nodes.build_call("strlen", call[place])
        if kind.physical == "VARCHAR"
        else nodes.build_number({"BOOLEAN": 1, "INTEGER": 4, "DECIMAL(38,17)": 16}.get(kind.physical, 8))
        for place, kind in enumerate(call.types)
    ]
    total = nodes.build_chain("+", sizes) if len(sizes) > 1 else sizes[0]
    return nodes.build_cast(nodes.build_coalesce(total, nodes.build_number(0)), "BIGINT")


@declare_function("estimate_data_size(value: any, ...): long", nullable=False)
def estimate_data_size(call: Arguments) -> exp.Expr:
    """Estimate the bytes that values take."""
    return _estimate_size(call)
