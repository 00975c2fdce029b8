"""Templates that mean the same plan the same; with an unresolvable literal, the same or an unknown, never another value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nephoscope_policy.arm.template import (
    DeploymentScope,
    OpenObject,
    PlannedResource,
    TemplateDocument,
    TemplateExpansion,
    Unknown,
    expand_template,
)

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
UNRESOLVABLE = "reference(resourceId('A.B/far', 'away'), '2020-01-01').value"
PARAMETERS = {"s": "string", "i": "int", "b": "bool", "a": "array", "o": "object"}
DEFAULTS: dict[str, Any] = {"s": "text", "i": 2, "b": True, "a": [1, 2], "o": {"k": "v", "n": {"m": 1}}}
TEXTS = st.sampled_from(["", "x", "Y", "a-b"])


class Text(str):
    """A literal inside an expression, as it is written there."""

    __slots__ = ()


def literals(type_: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """A literal of a type."""
    written = {
        "string": TEXTS.map(lambda text: f"'{text}'"),
        "int": st.integers(0, 3).map(str),
        "bool": st.sampled_from(["true", "false"]),
        "array": st.just("createArray()"),
        "object": st.just("createObject()"),
    }[type_]
    return written.map(lambda text: (Text(text),))


def named(type_: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """A parameter or a variable of a type."""
    name = next(name for name, own in PARAMETERS.items() if own == type_)
    return st.sampled_from([(f"parameters('{name}')",), (f"variables('v{name}')",)])


#: By result type, functions that never fail on arguments of their types: their text with a place for each argument.
FORMS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "string": [
        ("concat({}, {})", ("string", "int")),
        ("format('{{0}}/{{1}}', {}, {})", ("string", "bool")),
        ("toUpper({})", ("string",)),
        ("if({}, {}, {})", ("bool", "string", "string")),
        ("string({})", ("array",)),
        ("uniqueString({})", ("string",)),
        ("coalesce(null(), {})", ("string",)),
        ("take({}, {})", ("string", "int")),
    ],
    "int": [
        ("add({}, {})", ("int", "int")),
        ("length({})", ("array",)),
        ("length({})", ("string",)),
        ("if({}, {}, {})", ("bool", "int", "int")),
        ("max({}, {})", ("int", "int")),
    ],
    "bool": [
        ("equals({}, {})", ("string", "string")),
        ("equals({}, {})", ("object", "object")),
        ("and({}, {})", ("bool", "bool")),
        ("or({}, {})", ("bool", "bool")),
        ("not({})", ("bool",)),
        ("contains({}, {})", ("array", "int")),
        ("contains({}, {})", ("object", "string")),
        ("empty({})", ("array",)),
        ("empty({})", ("object",)),
        ("less({}, {})", ("int", "int")),
        ("startsWith({}, {})", ("string", "string")),
    ],
    "array": [
        ("createArray({}, {})", ("int", "string")),
        ("concat({}, {})", ("array", "array")),
        ("union({}, {})", ("array", "array")),
        ("take({}, {})", ("array", "int")),
        ("skip({}, {})", ("array", "int")),
        ("flatten(createArray({}, {}))", ("array", "array")),
        ("if({}, {}, {})", ("bool", "array", "array")),
        ("split({}, '-')", ("string",)),
        ("map({}, lambda('x', createObject('x', lambdaVariables('x'), 'y', {})))", ("array", "int")),
        ("filter({}, lambda('x', equals(lambdaVariables('x'), {})))", ("array", "int")),
        ("items({})", ("object",)),
        ("intersection({}, {})", ("array", "array")),
        ("range(0, {})", ("int",)),
    ],
    "object": [
        ("createObject('k', {}, 'm', {})", ("string", "int")),
        ("union({}, {})", ("object", "object")),
        ("if({}, {}, {})", ("bool", "object", "object")),
        ("coalesce(tryGet({}, 'n'), {})", ("object", "object")),
        ("shallowMerge(createArray({}, {}))", ("object", "object")),
        ("toObject({}, lambda('x', string(lambdaVariables('x'))))", ("array",)),
    ],
}


def expressions(type_: str, depth: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    """An expression of a type: texts and literals in their order."""
    leaves = st.one_of(literals(type_), named(type_))
    if depth == 0:
        return leaves

    def filled(form: tuple[str, tuple[str, ...]]) -> st.SearchStrategy[tuple[Any, ...]]:
        template, types = form
        return st.tuples(*(expressions(one, depth - 1) for one in types)).map(
            lambda arguments: _interleaved(template, arguments)
        )

    return st.one_of(leaves, st.sampled_from(FORMS[type_]).flatmap(filled))


def _interleaved(template: str, arguments: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    pieces = template.replace("{{", "\0").replace("}}", "\1").split("{}")
    found: list[Any] = [pieces[0]]
    for piece, argument in zip(pieces[1:], arguments, strict=True):
        found += [*argument, piece]
    return tuple(one if isinstance(one, Text) else one.replace("\0", "{").replace("\1", "}") for one in found)


def written(parts: tuple[Any, ...], replaced: int = -1) -> tuple[str, int]:
    """The expression's text with its n-th literal replaced, and how many literals it has."""
    pieces, count = [], 0
    for part in parts:
        if isinstance(part, Text):
            pieces.append(UNRESOLVABLE if count == replaced else str(part))
            count += 1
        else:
            pieces.append(part)
    return "[" + "".join(pieces) + "]", count


ANY = st.sampled_from(list(FORMS)).flatmap(lambda type_: expressions(type_))
RESOURCES = st.lists(
    st.fixed_dictionaries(
        {"value": ANY, "tag": expressions("string", 2)},
        optional={
            "condition": expressions("bool", 2),
            "count": expressions("int", 1),
            "child": expressions("object", 2),
            "list": st.tuples(expressions("int", 0), expressions("string", 1)),
        },
    ),
    min_size=1,
    max_size=3,
)


class Writer:
    """Writes drawn expressions; the `replaced`-th literal of all becomes unresolvable."""

    def __init__(self, replaced: int = -1) -> None:
        self._replaced = replaced
        self.count = 0

    def __call__(self, parts: tuple[Any, ...]) -> str:
        text, count = written(parts, self._replaced - self.count)
        self.count += count
        return text


def template(drawn: list[dict[str, Any]], write: Writer) -> dict[str, Any]:
    """A template of the drawn resources, each of which reads the one before it."""
    return {
        "$schema": SCHEMA,
        "parameters": {
            name: {"type": type_, "defaultValue": DEFAULTS[name]} for name, type_ in PARAMETERS.items()
        },
        "variables": {f"v{name}": f"[parameters('{name}')]" for name in PARAMETERS},
        "resources": [resource(place, one, write) for place, one in enumerate(drawn)],
    }


def resource(place: int, drawn: dict[str, Any], write: Writer) -> dict[str, Any]:
    before = f"[reference(resourceId('A.B/c', 'r{place - 1}')).value]" if place else "[parameters('i')]"
    made: dict[str, Any] = {
        "type": "A.B/c",
        "apiVersion": "1",
        "name": f"r{place}",
        "tags": {"t": write(drawn["tag"])},
        "properties": {"value": write(drawn["value"]), "before": before},
    }
    if "list" in drawn:
        count, item = drawn["list"]
        made["properties"]["copy"] = [{"name": "list", "count": write(count), "input": {"v": write(item)}}]
    if "condition" in drawn:
        made["condition"] = write(drawn["condition"])
    if "count" in drawn:
        made["name"] = f"[concat('r{place}-', copyIndex())]"
        made["copy"] = {"name": f"loop{place}", "count": write(drawn["count"])}
    if "child" in drawn:
        made["resources"] = [
            {"type": "d", "apiVersion": "1", "name": "child", "properties": write(drawn["child"])}
        ]
    if place:
        made["dependsOn"] = [f"[resourceId('A.B/c', 'r{place - 1}')]"]
    return made


def planned(document: dict[str, Any]) -> TemplateExpansion:
    return expand_template(
        TemplateDocument.parse(json.dumps(document), "main.json"),
        scope=DeploymentScope(subscription_id="s", resource_group="g"),
    )


def plain(value: Any) -> Any:
    """A value to compare by: unknowns by their type and cause."""
    if isinstance(value, Unknown):
        return ("?", value.type, value.cause)
    if isinstance(value, dict):
        return (isinstance(value, OpenObject), {key: plain(item) for key, item in value.items()})
    return [plain(item) for item in value] if isinstance(value, list) else (type(value), value)


def summary(expansion: TemplateExpansion) -> list[tuple[Any, ...]]:
    found = [
        (one.id, one.type, one.name, plain(one.body), plain(one.condition), sorted(one.depends_on))
        for one in expansion.resources
        if not one.type.endswith("deployments")
    ]
    return sorted(found, key=lambda one: one[0])


def reordered(value: Any, random: Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: reordered(value[key], random) for key in keys}
    return [reordered(item, random) for item in value] if isinstance(value, list) else value


def wrapped(inner: dict[str, Any]) -> dict[str, Any]:
    """The template inside another one, which passes its parameters on."""
    passed = {name: {"value": f"[parameters('{name}')]"} for name in PARAMETERS}
    declared = {name: {"type": type_} for name, type_ in PARAMETERS.items()}
    module = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "1",
        "name": "module",
        "properties": {
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": passed,
            "template": {**inner, "parameters": declared},
        },
    }
    return {"$schema": SCHEMA, "parameters": inner["parameters"], "resources": [module]}


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(RESOURCES, st.randoms(use_true_random=False))
def test_what_means_the_same_plans_the_same(drawn: list[dict[str, Any]], random: Random) -> None:
    check_that_rewriting_changes_nothing(drawn, random)


@pytest.mark.full
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(RESOURCES, st.randoms(use_true_random=False))
def test_what_means_the_same_plans_the_same_many_times(drawn: list[dict[str, Any]], random: Random) -> None:
    check_that_rewriting_changes_nothing(drawn, random)


def check_that_rewriting_changes_nothing(drawn: list[dict[str, Any]], random: Random) -> None:
    original = template(drawn, Writer())
    expected = planned(original)
    assert not expected.errors
    renamed = json.loads(json.dumps(original).replace("parameters('s')", "parameters('renamed')"))
    renamed["parameters"]["renamed"] = renamed["parameters"].pop("s")
    symbolic = {
        **original,
        "languageVersion": "2.0",
        "resources": {f"symbol{place}": one for place, one in enumerate(original["resources"])},
    }
    for other in (renamed, reordered(original, random), wrapped(original), symbolic):
        found = planned(other)
        assert not found.errors
        assert summary(found) == summary(expected)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(RESOURCES, st.data())
def test_an_unresolvable_literal_gives_the_same_or_an_unknown(
    drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    check_that_unknowns_hide_only(drawn, data)


@pytest.mark.full
@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@given(RESOURCES, st.data())
def test_an_unresolvable_literal_gives_the_same_or_an_unknown_many_times(
    drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    check_that_unknowns_hide_only(drawn, data)


def check_that_unknowns_hide_only(drawn: list[dict[str, Any]], data: st.DataObject) -> None:
    write = Writer()
    expected = planned(template(drawn, write))
    if not write.count:
        return
    found = planned(template(drawn, Writer(data.draw(st.integers(0, write.count - 1)))))
    assert not found.errors
    for path, turns in grouped(expected).items():
        seen = grouped(found).get(path, [])
        if seen and seen[0].repeated is not None:
            seen = seen * len(turns)
        assert len(seen) >= len(turns), f"{path} is no longer planned"
        for before, after in zip(turns, seen, strict=False):
            assert covers(after.condition, before.condition)
            assert covers(after.body, before.body), (before.body, after.body)
    for path, turns in grouped(found).items():
        known = grouped(expected).get(path, [])
        for extra in turns[len(known) :]:
            assert extra.condition is not True or extra.repeated is not None


def grouped(expansion: TemplateExpansion) -> dict[tuple[str | int, ...], list[PlannedResource]]:
    found: dict[tuple[str | int, ...], list[PlannedResource]] = {}
    for one in expansion.resources:
        found.setdefault(one.origin.path, []).append(one)
    return found


def covers(after: Any, before: Any) -> bool:
    """Whether a value is the same as another as far as it is known."""
    if isinstance(after, Unknown):
        return after.type == "any" or after.type in set(_types(before))
    if isinstance(before, Unknown):
        return False
    if isinstance(after, dict) and isinstance(before, dict):
        shared = all(covers(after[key], before[key]) for key in after if key in before)
        missing = isinstance(after, OpenObject) or not before.keys() - after.keys()
        return shared and missing and not after.keys() - before.keys()
    if isinstance(after, list) and isinstance(before, list):
        return len(after) == len(before) and all(map(covers, after, before))
    return type(after) is type(before) and bool(after == before)


def _types(value: Any) -> Iterator[str]:
    if isinstance(value, Unknown):
        yield value.type
    kinds = {
        str: "string",
        bool: "bool",
        int: "int",
        float: "float",
        list: "array",
        dict: "object",
        type(None): "null",
    }
    yield kinds.get(type(value), "object")
