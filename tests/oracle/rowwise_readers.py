"""The witness's readers of text in known forms: URLs, paths, XML, CSV, command lines, versions, JSON by a path."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus
from xml.dom import Node, minidom
from xml.parsers.expat import ExpatError

from rowwise_functions import gives, typed
from rowwise_values import convert, json_text, parsed, steps, text

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall

LONGEST_XML = 1_048_576


def query_parameters(source: str) -> dict[str, str]:
    found = {}
    for pair in source.removeprefix("?").split("&"):
        if pair:
            key, _, value = pair.partition("=")
            found[unquote_plus(key)] = unquote_plus(value)
    return found


@gives("parse_urlquery")
def parse_urlquery(source: str) -> Any:
    return {"Query Parameters": query_parameters(source)}


@gives("parse_url")
def parse_url(source: str) -> Any:
    """Cut from the ends inwards: fragment, query, scheme, path, credentials, port."""
    if not source:
        return None
    rest, _, fragment = source.partition("#")
    rest, _, query = rest.partition("?")
    scheme, mark, after = rest.partition("://")
    if not mark or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", scheme):
        scheme, after = "", rest
    place, slash, path = after.partition("/")
    user = password = ""
    if "@" in place:
        credentials, _, behind = place.partition("@")
        user, _, password = credentials.partition(":")
        place = behind
    host, port, rest = host_and_port(place)
    return {
        "Scheme": scheme,
        "Host": host,
        "Port": port,
        "Path": rest + slash + path,
        "Username": user,
        "Password": password,
        "Query Parameters": query_parameters(query),
        "Fragment": fragment,
    }


def host_and_port(place: str) -> tuple[str, str, str]:
    """`host:1`, `[::1]:1`; what stands behind them belongs to the path."""
    found = re.match(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", place)
    return (found.group(1), found.group(2) or "", place[found.end() :]) if found else (place, "", "")


@gives("parse_path")
def parse_path(source: str) -> Any:
    scheme, mark, rest = source.partition("://")
    if not mark:
        scheme, rest = "", source
    drive = re.match(r"[A-Za-z]:[\\/]?", rest)
    root = drive.group() if drive else ""
    stream = ""
    last = re.search(r":([^:\\/]*)\Z", rest)
    if last and last.start() >= max(len(root), 2):
        rest, stream = rest[: last.start()], last.group(1)
    *folders, name = re.split(r"[\\/]", rest)
    directory = rest[: max(len(rest) - len(name) - 1, 0)]
    return {
        "Scheme": scheme,
        "RootPath": root,
        "DirectoryPath": directory,
        "DirectoryName": folders[-1] if folders else "",
        "Filename": name,
        "Extension": name.split(".")[-1] if "." in name else "",
        "AlternateDataStreamName": stream,
    }


@gives("parse_csv")
def parse_csv(source: str) -> Any:
    """The cells of the first line; a cell in quotes may hold commas, and quotes doubled."""
    line = re.split(r"\r?\n", source, maxsplit=1)[0]
    cells, cell, quoted, at = [], "", False, 0
    while at < len(line):
        letter = line[at]
        if quoted and letter == '"' and line[at + 1 : at + 2] == '"':
            cell += '"'
            at += 1
        elif letter == '"' and (quoted or not cell):
            quoted = not quoted
        elif letter == "," and not quoted:
            cells.append(cell)
            cell = ""
        else:
            cell += letter
        at += 1
    return [*cells, cell]


@gives("parse_command_line")
def parse_command_line(source: str, parser: str) -> Any:
    """Windows' rule: backslashes are halved before a quote, and an odd one escapes it."""
    if not source:
        return None
    words, word, quoted = [], None, False
    for run, mark in re.findall(r'(\\*)("|[^\\"]|\Z)', source):
        if run and mark != '"':
            word = (word or "") + run
        elif run:
            word = (word or "") + "\\" * (len(run) // 2)
        if mark == '"' and len(run) % 2:
            word = (word or "") + '"'
        elif mark == '"':
            quoted, word = not quoted, word or ""
        elif mark and mark in " \t\r\n" and not quoted:
            words += [word] if word is not None else []
            word = None
        elif mark:
            word = (word or "") + mark
    return words + ([word] if word is not None else [])


@gives("parse_version")
def parse_version(source: str) -> Any:
    """Up to four numbers of up to eight digits, as one number that compares like them."""
    if not re.fullmatch(r"\s*[0-9]{1,8}(\.[0-9]{1,8}){0,3}\s*", source):
        return None
    scales = (Decimal(10) ** 13, Decimal(10) ** 5, Decimal("1e-3"), Decimal("1e-11"))
    return sum(
        (int(part) * scale for part, scale in zip(source.strip().split("."), scales, strict=False)),
        Decimal(0),
    )


@gives("parse_xml")
def parse_xml(source: str) -> Any:
    """Attributes with @, text beside others as #text, elements of one name as an array; null where it is no XML."""
    if not source.strip() or len(source.encode()) > LONGEST_XML or "<!ENTITY" in source:
        return None
    try:
        root = minidom.parseString(source.strip().encode()).documentElement
    except (ExpatError, ValueError):
        return None
    return {root.tagName: of_element(root)} if depth(root) <= 100 else None


def depth(node: minidom.Element) -> int:
    return 1 + max((depth(one) for one in node.childNodes if one.nodeType == Node.ELEMENT_NODE), default=0)


def of_element(node: minidom.Element) -> Any:
    bag: dict[str, Any] = {f"@{key}": value for key, value in node.attributes.items()}
    inside = ""
    for child in node.childNodes:
        if child.nodeType in (Node.TEXT_NODE, Node.CDATA_SECTION_NODE):
            inside += child.data
        elif child.nodeType == Node.ELEMENT_NODE:
            value = of_element(child)
            known = bag.get(child.tagName)
            many = [*known, value] if isinstance(known, list) else [known, value]
            bag[child.tagName] = many if child.tagName in bag else value
    if not inside.strip():
        return bag or None
    return bag | {"#text": inside} if bag else inside


def at_path(value: Any, path: str) -> Any:
    for step in steps(path):
        if isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) and isinstance(step, str) else None
    return value


@typed("extract_json")
def extract_json(cells: list[Any], call: BoundCall, now: int) -> Any:
    path, source, *_ = cells
    value = parsed(source) if isinstance(source, str) else source
    if isinstance(source, str) and value == source:
        value = None
    found = text("dynamic", at_path(value, path))
    return convert("string", str(call.type), found)


@gives("dynamic_to_json", strict=False)
def dynamic_to_json(value: Any) -> str:
    return "" if value is None else json_text(in_order(value))


def in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


@gives("bag_remove_keys")
def bag_remove_keys(bag: Any, keys: Any) -> Any:
    if not isinstance(bag, dict) or not isinstance(keys, list):
        return None
    for key in keys:
        path = steps(str(key)) if str(key).startswith("$") else [str(key)]
        bag = without(bag, path)
    return bag


def without(bag: Any, path: list[str | int]) -> Any:
    if not isinstance(bag, dict) or not path:
        return bag
    return {
        key: without(item, path[1:]) if key == path[0] else item
        for key, item in bag.items()
        if key != path[0] or len(path) > 1
    }


@gives("bag_set_key", strict=False)
def bag_set_key(bag: Any, key: str, value: Any) -> Any:
    if not isinstance(bag, dict):
        return None
    path = (steps(key) if key.startswith("$") else []) or [key]
    return with_key(bag, [str(step) for step in path], value)


def with_key(bag: Any, path: list[str], value: Any) -> Any:
    known = bag if isinstance(bag, dict) else {}
    rest = {key: item for key, item in known.items() if key != path[0]}
    if len(path) == 1:
        return rest | {path[0]: value}
    return known | {path[0]: with_key(known.get(path[0]), path[1:], value)}
