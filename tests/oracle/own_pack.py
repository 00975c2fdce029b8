"""Own policies beside the built-ins they name.

`python tests/oracle/own_pack.py CORPUS_ROOT [-v] [--engine empty|error] [--only NAME]`

CORPUS_ROOT holds `azure-policy/` (the public policy repository) and `resources/` (recorded bodies). Wherever
`metadata.nephoscope.sameAs` names a built-in with difference null, the own policy and the unmodified built-in must give the
same state on every recorded body of the types either judges, on the own test bodies, and on mutations of all of these: each
leaf that either rule reads is removed, nulled, emptied, flipped, changed in case, and set to every value that either rule
compares it with; what either looks up beside the resource is mutated alike. A pair that never sees a body of both verdicts is
no evidence and named. The last line is `N/M match`; the exit code is 0 when all match and every pair has evidence.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from corpus_records import documents_of, raised

from nephoscope.collect import resources
from nephoscope.content.loader import TEST_SUFFIX, iterate_case_documents, load_documents
from nephoscope_policy import Aliases, Definition, EvaluationContext, Snapshot
from nephoscope_policy.body_paths import STAR
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = EvaluationContext(now=datetime(2026, 1, 15, tzinfo=UTC))
ALIASES = Aliases.load_builtin()
MOST_PAIRS = 300
"""How many double mutations one test body gives at most."""

Body = dict[str, Any]
World = tuple[Body, list[Body]]


@dataclass
class Pair:
    """An own policy and the built-in it equals, with what their comparison found."""

    name: str
    builtin: str
    seen: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)


class Judge:
    """A definition with an effect that is not disabled, evaluated by the explain interpreter."""

    def __init__(self, document: Any) -> None:
        self.rule = document["properties"]["policyRule"]
        self.definition = Definition.parse(document)
        stated = document["properties"].get("parameters", {}).get("effect", {})
        allowed = [stated.get("defaultValue"), *stated.get("allowedValues", [])]
        active = [effect for effect in allowed if effect and effect.lower() != "disabled"]
        self.parameters = {"effect": active[0]} if active else {}

    def state(self, world: World) -> str:
        """How the definition judges the first body of a world."""
        resource, *related = (Resource.of(body) for body in (world[0], *world[1]))
        snapshot = Snapshot([resource, *related], ALIASES)
        return self.definition.explain(resource, snapshot, self.parameters, NOW).state.value


def conditions(node: Any) -> Iterator[tuple[str, list[Any]]]:
    """Each field of a condition tree with the literals it is compared with."""
    if isinstance(node, dict):
        lowered = {key.lower(): value for key, value in node.items()}
        name = lowered.get("field")
        if isinstance(name, str) and not name.startswith("["):
            yield name, [value for key, value in lowered.items() if key not in ("field", "where", "exists")]
        for value in node.values():
            yield from conditions(value)
            if isinstance(value, str):
                yield from ((text, []) for text in value.split("'")[1::2] if text in ALIASES)
    elif isinstance(node, list):
        for value in node:
            yield from conditions(value)


def leaves(trees: list[Any], type_: str) -> dict[tuple[Any, ...], list[Any]]:
    """The body paths that condition trees read on a type, with the values they compare each with."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for name, literals in conditions(trees):
        if name.lower() in ("type", "id", "name", "fullname"):
            continue
        path = ALIASES.resolve_field(name, "", type_).spelled
        values = found.setdefault(path, [])
        for literal in literals:
            options = literal if isinstance(literal, list) else [literal]
            values += [
                one for one in options if isinstance(one, (str, int, bool)) and not str(one).startswith("[")
            ]
    return found


def positions(body: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The concrete positions of a path in a body, keys as the body spells them; a missing tail as the path spells it."""
    if not path:
        yield ()
        return
    if path[0] is STAR:
        members = range(len(body)) if isinstance(body, list) and body else [0]
        for number in itertools.islice(members, 3):
            inner = body[number] if isinstance(body, list) and body else None
            yield from ((number, *rest) for rest in positions(inner, path[1:]))
        return
    keys = {key.lower(): key for key in body} if isinstance(body, dict) else {}
    key = keys.get(str(path[0]).lower(), path[0])
    inner = body.get(key) if isinstance(body, dict) else None
    yield from ((key, *rest) for rest in positions(inner, path[1:]))


def read(body: Any, position: tuple[Any, ...]) -> Any:
    for step in position:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def put(body: Body, position: tuple[Any, ...], value: Any) -> Body:
    """A copy of a body with a value at a position, what is missing on the way made."""
    body = copy.deepcopy(body)
    inner: Any = body
    for step, following in itertools.pairwise(position):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            inner.extend([None] * (step + 1 - len(inner)))
            inner[step] = inner[step] if isinstance(inner[step], type(empty)) else empty
        elif not isinstance(inner.get(step), type(empty)):
            inner[step] = empty
        inner = inner[step]
    if isinstance(position[-1], int):
        inner.extend([None] * (position[-1] + 1 - len(inner)))
    inner[position[-1]] = value
    return body


def drop(body: Body, position: tuple[Any, ...]) -> Body:
    """A copy of a body without a position."""
    body = copy.deepcopy(body)
    inner = read(body, position[:-1])
    if (isinstance(inner, dict) and position[-1] in inner) or (
        isinstance(inner, list) and isinstance(position[-1], int) and position[-1] < len(inner)
    ):
        del inner[position[-1]]
    return body


def changes(value: Any, literals: list[Any]) -> list[Any]:
    """What a value is changed to: values that its property can have, spelled in several ways, empty and null."""
    boolean = isinstance(value, bool) or any(str(one).lower() in ("true", "false") for one in literals)
    options: list[Any] = ["", None, *literals]
    if boolean:
        options += [True, False, "true", "False"]
    elif not isinstance(value, (int, float)):
        options += ["Other", [], True, False] if value is None and not literals else ["Other"]
    if isinstance(value, list):
        options.append([])
    texts = [one for one in (value, *literals) if isinstance(one, str)]
    options += [changed for one in texts for changed in (one.upper(), one.lower(), one.swapcase())]
    options += [one + step for one in literals if type(one) is int for step in (-1, 1)]
    return list({json.dumps(one): one for one in options}.values())


def mutations(body: Body, read_paths: dict[tuple[Any, ...], list[Any]]) -> Iterator[Body]:
    """The body with one leaf changed, or a step above it removed or emptied."""
    for path, literals in read_paths.items():
        for position in positions(body, path):
            yield drop(body, position)
            for value in changes(read(body, position), literals):
                yield put(body, position, value)
            for depth in range(2, len(position)):
                yield drop(body, position[:depth])


def rebased(case: World, body: Body) -> list[Body]:
    """The related bodies of a test case moved to where another resource is."""
    old, new = case[0]["id"], body["id"]
    ends = [(len(old.split("/")), len(new.split("/"))), (5, 5), (3, 3)]
    scopes = [("/".join(old.split("/")[:first]), "/".join(new.split("/")[:second])) for first, second in ends]
    moved = []
    for related in case[1]:
        identifier = related["id"]
        for before, after in scopes:
            if before and identifier.lower().startswith(before.lower()):
                identifier = after + identifier[len(before) :]
                break
        moved.append({**related, "id": identifier})
    return moved


def worlds(own: Judge, builtin: Judge, cases: list[World], recorded: list[Body]) -> Iterator[World]:
    """Every world the two are compared in."""
    trees = [own.rule["if"], builtin.rule["if"]]
    existence = [assess.rule["then"].get("details") for assess in (own, builtin)]
    bodies = {body["id"].lower(): body for body in recorded}
    for body in bodies.values():
        kind = Resource.of(body).type
        sets = {json.dumps(moved): moved for case in cases for moved in ([], rebased(case, body))}
        yield from ((body, related) for related in sets.values())
        fullest = max(sets.values(), key=len)
        yield from ((mutated, fullest) for mutated in mutations(body, leaves(trees, kind)))
    for body, related in cases:
        yield body, related
        kind = Resource.of(body).type
        singles = list(mutations(body, leaves(trees, kind)))
        yield from ((mutated, related) for mutated in singles)
        doubles = (twice for once in singles for twice in mutations(once, leaves(trees, kind)))
        yield from ((mutated, related) for mutated in itertools.islice(doubles, MOST_PAIRS))
        for number, one in enumerate(related):
            for mutated in mutations(one, leaves(existence, Resource.of(one).type)):
                yield body, [*related[:number], mutated, *related[number + 1 :]]


def _state(assess: Judge, world: World, whose: str) -> str:
    """The state that a policy ends in, or what is raised, which equals nothing."""
    try:
        return assess.state(world)
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a world is a miss, and is shown
        return f"{whose} raises {raised(error)}"


def compare(pair: Pair, own: Judge, builtin: Judge, every: Iterator[World], engine: str) -> None:
    """Judge every world by both and note where they differ."""
    for world in every:
        theirs = _state(builtin, world, "the built-in")
        mine = ComplianceState.COMPLIANT.value if engine == "empty" else "no answer"
        mine = mine if engine else _state(own, world, "the own")
        pair.seen[theirs] += 1
        pair.seen["match" if mine == theirs else "miss"] += 1
        if mine != theirs and len(pair.misses) < 5:
            pair.misses.append(f"own {mine}, built-in {theirs}: {json.dumps(world)[:1500]}")


def pairs() -> Iterator[tuple[str, Any, str]]:
    """Each own policy that says it equals a built-in, with its document and the built-in's GUID."""
    for document in load_documents(kind="policies"):
        body = document.json()
        for entry in body["properties"]["metadata"]["nephoscope"]["sameAs"]:
            if entry["difference"] is None:
                yield document.name.removesuffix(".json"), body, entry["policy"].lower()


def recorded_by_type(root: Path) -> dict[str, list[Body]]:
    estate = resources.load([root / "resources"])
    found: dict[str, list[Body]] = {}
    for resource in estate.resources.values():
        if resource.complete:
            found.setdefault(resource.type, []).append(resource.body)
    return found


def main() -> int:
    """Run the comparison; 2 when the corpus is not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("-v", action="store_true", help="print the worlds that differ")
    parser.add_argument(
        "--engine", choices=("empty", "error"), default="", help="the floor: what no engine would score"
    )
    parser.add_argument("--only", default="", help="only own policies whose name contains this")
    options = parser.parse_args()
    files = sorted((options.root / "azure-policy").rglob("*.json"))
    if not files:
        print(f"no policy repository under {options.root}", file=sys.stderr)
        return 2
    by_guid = {str(one.value.get("name", "")).lower(): one.value for one in documents_of(files)}
    recorded = recorded_by_type(options.root)
    cases = {
        document.name.removesuffix(TEST_SUFFIX): [
            (case["resource"], case.get("related", [])) for case in document.json()["cases"]
        ]
        for document in iterate_case_documents()
    }
    done = []
    for name, document, guid in pairs():
        if options.only not in name:
            continue
        pair = Pair(name, guid)
        done.append(pair)
        try:
            own, builtin = Judge(document), Judge(by_guid[guid])
        except Exception as error:  # noqa: BLE001 - a runner's border: a policy that cannot be read is a miss, and is shown
            pair.seen["miss"] += 1
            pair.misses.append(raised(error))
            continue
        types = (own.definition.types or frozenset()) | (builtin.definition.types or frozenset())
        bodies = [body for type_ in sorted(types) for body in recorded.get(type_, [])]
        compare(pair, own, builtin, worlds(own, builtin, cases[name], bodies), options.engine)
    return report(done, options.v)


def report(done: list[Pair], verbose: bool) -> int:
    """Print each pair that differs or lacks evidence, then the sums; the exit code."""
    weak = [pair for pair in done if not (pair.seen["Compliant"] and pair.seen["NonCompliant"])]
    for pair in done:
        if pair.misses:
            print(
                f"{pair.name} / {pair.builtin}: {pair.seen['miss']} of {pair.seen['match'] + pair.seen['miss']} differ"
            )
            for miss in pair.misses if verbose else ():
                print(f"    {miss}")
    for pair in weak:
        print(f"{pair.name} / {pair.builtin}: no evidence of both verdicts ({dict(pair.seen)})")
    matched = sum(pair.seen["match"] for pair in done)
    total = matched + sum(pair.seen["miss"] for pair in done)
    agree = sum(not pair.misses for pair in done)
    print(f"{agree} of {len(done)} pairs agree everywhere, {len(weak)} without evidence of both verdicts")
    print(f"{matched}/{total} match")
    return 0 if matched == total and not weak else 1


if __name__ == "__main__":
    sys.exit(main())
