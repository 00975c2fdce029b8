"""Property bags (JSON objects): packing, keys, merging, paths; and JSON text of any dynamic."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlglot import exp

from nephoscope_kql.functions.arrays import ITEMS
from nephoscope_kql.functions.declaration import (
    apply_routine,
    declare_macro,
    declare_rowwise,
    declare_scalar_macro,
    find_named_type,
)
from nephoscope_kql.functions.regex import convert_text
from nephoscope_kql.functions.tostring import DYNAMIC_TEXT, QUOTED, get_json_argument, to_json
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

ENTRY = declare_macro("kql_entry(x, k)", "json_extract(x, '/' || replace(replace(k, '~', '~0'), '/', '~1'))")
"""The JSON of one property of a bag by its key, whatever characters that has."""
MEMBERS = declare_macro(
    "kql_members(x)",
    "CASE WHEN x[1] = '{' THEN list_transform(json_keys(x), lambda k: {'k': k, 'v': CAST(kql_entry(x, "
    "k) AS VARCHAR)}) END",
    ENTRY,
)
BAG = declare_macro(
    "kql_bag(m)",
    "'{' || array_to_string(list_transform(m, lambda e: kql_json_text(e.k) || ':' || coalesce(e.v, "
    "'null')), ',') || '}'",
    QUOTED,
)
"""The bag of a list of {k, v}, v being JSON text."""


def _build_member_pair(call: Arguments, place: int) -> exp.Expr:
    bound = call.bound[place]
    if isinstance(bound, Constant) and isinstance(bound.value, str):
        key: exp.Expr = nodes.build_text(json.dumps(bound.value, ensure_ascii=False) + ":")
    else:
        key = nodes.build_binary("||", apply_routine(call, QUOTED, call[place]), nodes.build_text(":"))
    return nodes.build_binary("||", key, get_json_argument(call, place + 1))


@declare_function(
    "bag_pack(key: string, value: any, ...2): dynamic", aliases=("pack", "pack_dictionary"), nullable=False
)
def bag_pack(call: Arguments) -> exp.Expr:
    """Make a bag of keys and values."""
    parts: list[exp.Expr] = []
    for place in range(0, len(call), 2):
        parts += [nodes.build_text("," if place else "{"), _build_member_pair(call, place)]
    return nodes.concatenate_texts([*parts, nodes.build_text("}")])


@declare_function("_pack_present(key: string, value: any, ...2): dynamic", nullable=False, hidden=True)
def pack_present(call: Arguments) -> exp.Expr:
    """Make a bag of the values that are neither null nor empty."""
    parts = []
    for place in range(0, len(call), 2):
        kind = call.types[place + 1]
        value = call[place + 1]
        present = nodes.is_not_null(value)
        if kind == KqlType.STRING:
            present = nodes.build_binary("<>", value, nodes.build_text(""))
        elif kind == KqlType.DYNAMIC:
            present = nodes.build_not(
                nodes.build_in_list(
                    nodes.build_coalesce(value, nodes.build_text("null")), map(nodes.build_text, _EMPTY)
                )
            )
        parts.append(nodes.build_case((present, _build_member_pair(call, place))))
    return nodes.build_chain(
        "||",
        [
            nodes.build_text("{"),
            nodes.build_call("concat_ws", nodes.build_text(","), *parts),
            nodes.build_text("}"),
        ],
    )


_EMPTY = ("null", '""', "[]", "{}")

_KEYS = declare_macro(
    "kql_bag_keys(x)", "CASE WHEN x[1] = '{' THEN CAST(to_json(json_keys(x)) AS VARCHAR) END"
)


@declare_function("bag_keys(bag: dynamic): dynamic")
def bag_keys(call: Arguments) -> exp.Expr:
    """Give the keys of a bag as an array."""
    return apply_routine(call, _KEYS, call[0])


_HAS_KEY = declare_macro(
    "kql_bag_has_key(x, k)",
    "CASE WHEN x[1] = '{' THEN CASE WHEN k[1:2] = '$.' OR k[1:2] = '$[' THEN coalesce(try(json_exists(x, k)), FALSE) "
    "ELSE list_contains(json_keys(x), k) END ELSE FALSE END",
)
_HAS_PATH = declare_macro("kql_bag_has_path(x, k)", "x[1] = '{' AND json_exists(x, k)")
_HAS_PLAIN_KEY = declare_macro("kql_bag_has_plain_key(x, k)", "x[1] = '{' AND list_contains(json_keys(x), k)")


@declare_function("bag_has_key(bag: dynamic, key: string): bool", nullable=False)
def bag_has_key(call: Arguments) -> exp.Expr:
    """Tell whether a bag has a key (or a path that starts with `$`)."""
    node, routine = call[1], _HAS_KEY
    if call.is_constant(1):
        key = call.get_text(1)
        is_path = key.startswith(("$.", "$["))
        node = nodes.build_text(_convert_path(key)) if is_path else node
        routine = _HAS_PATH if is_path else _HAS_PLAIN_KEY
    return nodes.build_coalesce(apply_routine(call, routine, call[0], node), nodes.build_boolean(value=False))


_MERGE = declare_macro(
    "kql_bag_merge(a, b)",
    "CASE WHEN a[1] = '{' AND b[1] = '{' THEN kql_bag(kql_members(a) || list_filter(kql_members(b), "
    "lambda e: NOT list_contains(json_keys(a), e.k))) WHEN a[1] = '{' THEN a WHEN b[1] = '{' THEN b END",
    MEMBERS,
    BAG,
)


@declare_function("bag_merge(bag: dynamic, bag2: dynamic, ...): dynamic")
def bag_merge(call: Arguments) -> exp.Expr:
    """Join bags; of equal keys the leftmost value stays."""
    node = call[0]
    for item in list(call)[1:]:
        node = apply_routine(call, _MERGE, node, item)
    return node


_REMOVE = declare_macro(
    "kql_bag_remove(x, k)",
    "CASE WHEN x[1] = '{' THEN kql_bag(list_filter(kql_members(x), lambda e: NOT list_contains(k, e.k))) END",
    MEMBERS,
    BAG,
)
_STRINGS = declare_macro(
    "kql_strings(x)",
    "coalesce(CAST(json_extract_string(CASE WHEN x[1] = '[' THEN x END, '$[*]') AS VARCHAR[]), CAST([] AS VARCHAR[]))",
)


def _remove_paths(text: str, keys: str) -> str | None:
    """A bag without keys, of which some are JSON paths."""
    bag = json.loads(text)
    if not isinstance(bag, dict):
        return None
    names = json.loads(keys)
    for key in names if isinstance(names, list) else []:
        steps = parse_path_steps(str(key)) if str(key).startswith("$") else [str(key)]
        target: object = bag
        for step in steps[:-1]:
            target = target.get(step) if isinstance(target, dict) else None
        if isinstance(target, dict) and steps:
            target.pop(steps[-1], None)
    return format_json(bag)


_REMOVE_PATHS = declare_rowwise("kql_bag_remove_paths", ("VARCHAR", "VARCHAR"), "VARCHAR", _remove_paths)


@declare_function("bag_remove_keys(bag: dynamic, keys: dynamic): dynamic")
def bag_remove_keys(call: Arguments) -> exp.Expr:
    """Give a bag without some keys; a key that starts with `$` is a path."""
    keys = call.bound[1]
    plain = isinstance(keys, Constant) and not any(
        str(key).startswith("$") for key in _list_constant_keys(keys)
    )
    if plain:
        return apply_routine(call, _REMOVE, call[0], apply_routine(call, _STRINGS, call[1]))
    return apply_routine(call, _REMOVE_PATHS, call[0], call[1])


def _list_constant_keys(keys: Constant) -> list[object]:
    return keys.value if isinstance(keys.value, list) else []


def format_json(value: object) -> str:
    """Canonical JSON text: no spaces, keys in their order, NaN and infinities as text."""
    return json.dumps(_read_nulls_for_infinite(value), ensure_ascii=False, separators=(",", ":"))


def _read_nulls_for_infinite(value: object) -> object:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: _read_nulls_for_infinite(item) for key, item in value.items()}
    return [_read_nulls_for_infinite(item) for item in value] if isinstance(value, list) else value


def parse_path_steps(path: str) -> list[str | int]:
    """The steps of a JSON path: `$.a['b'][0]` is a, b, 0."""
    return [
        int(match[3]) if match[3] else (match[1] or match[2])
        for match in re.finditer(r"\.([^.\[]+)|\[['\"]([^'\"]*)['\"]\]|\[(\d+)\]", path)
    ]


def _convert_path(path: str) -> str:
    """A JSON path as SQL's functions take it; as a JSON pointer where a key holds marks that paths read as more."""
    steps = parse_path_steps(path)
    if any(isinstance(step, str) and re.search(r'["*\\\0]', step) for step in steps):
        return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps)


def _set_member(text: str, path: str, value: str) -> str | None:
    bag = json.loads(text)
    if not isinstance(bag, dict):
        return None
    steps = (parse_path_steps(path) if path.startswith("$") else []) or [path]
    target: Any = bag
    for step in steps[:-1]:
        if not isinstance(target, dict):
            return None
        if not isinstance(target.get(str(step)), dict):
            target[str(step)] = {}
        target = target[str(step)]
    target.pop(str(steps[-1]), None)
    target[str(steps[-1])] = json.loads(value)
    return format_json(bag)


_SET_KEY = declare_rowwise("kql_bag_set_key", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR", _set_member)


@declare_function("bag_set_key(bag: dynamic, key: const string, value: any): dynamic")
def bag_set_key(call: Arguments) -> exp.Expr:
    """Give a bag with a key (or a path that starts with `$`) set to a value."""
    return apply_routine(call, _SET_KEY, call[0], call[1], get_json_argument(call, 2))


_ZIP = declare_macro(
    "kql_bag_zip(k, v)",
    "CASE WHEN k[1] = '[' AND v[1] = '[' THEN kql_bag(list_filter(list_transform(kql_items(k), lambda e, i: "
    "{'k': CASE WHEN e[1] = '\"' THEN json_extract_string(e, '$') END, 'v': coalesce(kql_items(v)[i], "
    "'null')}), "
    "lambda e: e.k IS NOT NULL)) END",
    ITEMS,
    BAG,
)


@declare_function("bag_zip(keys: dynamic, values: dynamic): dynamic")
def bag_zip(call: Arguments) -> exp.Expr:
    """Make a bag of an array of keys and an array of values."""
    return apply_routine(call, _ZIP, call[0], call[1])


def _format_sorted_json(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


_TO_JSON = declare_rowwise("kql_dynamic_to_json", ("VARCHAR",), "VARCHAR", _format_sorted_json)


@declare_function("dynamic_to_json(value: any): string")
def dynamic_to_json(call: Arguments) -> exp.Expr:
    """Write a dynamic as JSON with its keys in order."""
    return nodes.build_coalesce(
        apply_routine(call, _TO_JSON, to_json(call, call[0], call.types[0])), nodes.build_text("")
    )


def _read_tree(value: object, path: str) -> list[str]:
    if isinstance(value, dict):
        return [
            found
            for key, item in value.items()
            for found in (f"{path}['{key}']", *_read_tree(item, f"{path}['{key}']"))
        ]
    if isinstance(value, list):
        inner = [found for item in value for found in _read_tree(item, f"{path}[0]")]
        return list(dict.fromkeys([f"{path}[0]", *inner])) if value else []
    return []


def _list_tree_paths(text: str) -> str | None:
    value = json.loads(text)
    if not isinstance(value, dict | list):
        return None
    return format_json([found.removeprefix("$") for found in _read_tree(value, "")])


treepath = declare_scalar_macro(
    __name__,
    "treepath(value: dynamic): dynamic",
    summary="Give the paths of everything inside a dynamic.",
    routine=declare_rowwise("kql_treepath", ("VARCHAR",), "VARCHAR", _list_tree_paths),
)

_AT_PATH = declare_macro(
    "kql_extract_json(t, p)",
    "CASE WHEN json_valid(t) THEN kql_dynamic_text(nullif(CAST(json_extract(t, p) AS VARCHAR), 'null')) END",
    DYNAMIC_TEXT,
)


@declare_function(
    "extract_json(path: const string, text: string|dynamic): string",
    "extract_json(path: const string, text: string|dynamic, type: const string): string",
    aliases=("extractjson",),
    returns=lambda arguments: find_named_type(arguments[2]) if len(arguments) > 2 else KqlType.STRING,
)
def extract_json(call: Arguments) -> exp.Expr:
    """Give what stands at a path of JSON text."""
    path = call.get_text(0)
    if not path.startswith("$"):
        raise call.make_error(0, "the path starts with $")
    found = nodes.build_coalesce(
        apply_routine(call, _AT_PATH, call[1], nodes.build_text(_convert_path(path))), nodes.build_text("")
    )
    return convert_text(call, found, call.type)
