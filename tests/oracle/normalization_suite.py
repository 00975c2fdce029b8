"""The suite of alias normalization: a body to its normalized form and back, at an api-version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import corpus_records
from policy_comparer import same

from nephoscope_policy import Aliases
from nephoscope_policy.alias_normalization import denormalize_body, normalize_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Table = tuple[Aliases, str, list[str]]


def run(folder: Path, engine: str) -> Iterator[tuple[str, bool, str]]:
    """Each case: its name, whether every comparison in it matched, and the first that did not."""
    for one in corpus_records.cases(folder):
        miss = one.wrong or corpus_records.judged(lambda one=one: _first_miss(one, engine))  # type: ignore[misc]
        yield one.name, not miss, miss


def _first_miss(one: corpus_records.Case, engine: str) -> str:
    """The first comparison of a case that does not agree, '' where all do."""
    if engine != "nephoscope":
        return next(iter(_floor(one.value, None if engine == "empty" else {"error": engine})), "")
    compared = list(_compared(one.file, one.value))
    if not compared:
        return "the case has no expectation"
    return next((miss for miss in compared if miss), "")


def _floor(case: Mapping[str, Any], answer: Any) -> list[str]:
    """What an engine that answers the same to everything would miss."""
    wanted = [case[key] for key in case if key.startswith("expected_")] or [case["input"]]
    return [] if all(same(answer, one) for one in wanted) else ["floor"]


def _compared(file: Mapping[str, Any], case: Mapping[str, Any]) -> Iterator[str]:
    there, back = _engines(_aliases(file, case), case)
    body = case["input"]
    forward, backward = there(body), back(body)
    if "expected_normalized" in case:
        yield _miss("normalized", forward, case["expected_normalized"])
    if case.get("round_trip"):
        yield _miss("round trip", back(forward), case.get("expected_round_trip", body))
    if "expected_denormalized" in case:
        yield _miss("denormalized", backward, case["expected_denormalized"])
    if case.get("reverse_round_trip"):
        yield _miss("reverse round trip", there(backward), case.get("expected_reverse_round_trip", body))
    if "expected_envelope" in case:
        envelope = {
            "resource": forward,
            "context": case.get("context", {}),
            "parameters": case.get("parameters", {}),
        }
        yield _miss("envelope", envelope, case["expected_envelope"])


def _engines(aliases: Aliases, case: Mapping[str, Any]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    version, arrays = case.get("api_version") or "", case.get("sub_resource_arrays") or []
    return lambda body: normalize_body(body, aliases, version, arrays), lambda body: denormalize_body(
        body, aliases, version, arrays
    )


def _aliases(file: Mapping[str, Any], case: Mapping[str, Any]) -> Aliases:
    aliases = Aliases({})
    for key in ("aliases_json", "data_manifest_json"):
        text = case.get(key) or file.get(key)
        if text:
            aliases = aliases.merge(Aliases.of(json.loads(text)))
    return aliases


def _miss(what: str, value: Any, wanted: Any) -> str:
    return "" if same(value, wanted) else f"{what}: {json.dumps(value)}; wanted {json.dumps(wanted)}"
