"""Claims about what was read: `python tests/oracle/facts_cases.py CORPUS [--policies DIR] [-v]`.

CORPUS holds a folder a snapshot and `exports/`, resources as people export them. The expectations are rules, not a table:

- *alone and together*: two snapshots of different tenants (folders `xA` and `xB`) give loaded together, for each tenant, exactly
  what each gives alone, and nothing that is said of one names an id that only the other has;
- *age*: a year after its newest report no verdict that reads one is anything but Unknown(stale), and at its time none is stale;
- *guest assignments*: a machine without one is never NonCompliant by a definition that looks one up;
- *exports*: no verdict on a part of the export, or on the same resource in another format, is the opposite of that on the export
  that says the most.

Judged by the analyzers, the own pack and the definitions of DIR (default: the public policy repository beside CORPUS). `N/M match`
counts comparisons of verdicts, without the manual ones; an exception inside a case is a miss.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

from corpus_records import documents_of, properties_of

import nephoscope_policy as policy
from nephoscope import analyze
from nephoscope.collect import resources
from nephoscope.content.loader import load_documents
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope_policy.azure_facts import find_report_kind, list_report_types
from nephoscope_policy.body_paths import walk_path
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.report_age import explain_report_expiry

Ends = dict[tuple[str, str], tuple[ComplianceState, str, str]]
NOW = datetime.now(UTC)
DECIDED = frozenset({ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT})
GUEST = "microsoft.guestconfiguration/guestconfigurationassignments"


class Judge:
    """Every definition that can be bound without parameters, and the analyzers."""

    def __init__(self, folder: Path) -> None:
        self.rules: list[tuple[policy.Definition, policy.Rule]] = []
        bodies = [document.json() for document in load_documents(kind="policies")]
        bodies += [one.value for one in documents_of(sorted(folder.rglob("*.json"))) if not one.wrong]
        for body in bodies:
            if isinstance(body, dict) and "policyRule" in properties_of(body):
                self._bind(body)

    def _bind(self, body: Any) -> None:
        snapshot = policy.Snapshot([])
        try:
            definition = policy.Definition.parse(body)
            definition.check(snapshot.aliases, snapshot.switches)
            if definition.types:
                self.rules.append((definition, definition.bind()))
        except policy.PolicyError:
            return

    def ends(self, estate: Estate, now: datetime) -> Ends:
        """How everything ends: (resource, definition or analyzer's key) to state, cause, description."""
        overlay, unknown, assessments, *_ = analyze.run(EstateView(estate, now))
        base = policy.Snapshot(estate.resources.values(), coverage=estate.coverage)
        snapshot, context = base.with_overlay(overlay, unknown), policy.EvaluationContext(now=now)
        found: Ends = {
            (one.resource.lower(), f"analyzer {one.key}"): (one.state, one.cause, one.description)
            for one in assessments
        }
        for definition, rule in self.rules:
            for type_ in definition.types or ():
                for resource in estate.list_of_type(type_):
                    end = rule.assess(resource, snapshot, context)
                    if end.cause == "manual":
                        continue
                    found[resource.key, definition.name] = (end.state, end.cause, end.description)
        return found

    def looking_up(self, type_: str) -> set[str]:
        """The names of the definitions that look a type up."""
        return {definition.name for definition, _ in self.rules if type_ in definition.related_types}


Case = Iterator[tuple[str, str]]
"""Comparisons: (what, '' where it holds, else what is wrong)."""


def pairs(folder: Path, assess: Judge) -> Case:
    """Tenants alone and together."""
    names = sorted(one.name for one in folder.iterdir() if one.is_dir())
    for one, other in combinations(names, 2):
        if one[:-1] == other[:-1] and len(one) > 1:
            yield from _pair(folder / one, folder / other, assess)


def _pair(one: Path, other: Path, assess: Judge) -> Case:
    alone = {path: resources.load([path]) for path in (one, other)}
    together = list(resources.load_tenants([one, other]))
    yield f"{one.name}+{other.name}: two tenants", "" if len(together) == 2 else f"{len(together)} tenants"
    for path, estate in alone.items():
        mine = next((part for part in together if set(estate.resources) == set(part.resources)), None)
        if mine is None:
            yield f"{path.name}: its resources", "no tenant of both holds exactly its resources"
            continue
        expected, found = assess.ends(estate, NOW), assess.ends(mine, NOW)
        for key in sorted(expected.keys() | found.keys()):
            ends = expected.get(key), found.get(key)
            if any(end is None or end[0] in DECIDED or end[1] == "not-collected" for end in ends):
                yield f"{path.name}: {key}", _differs(*ends)
        foreign = _own_names(alone[other if path is one else one]) - _own_names(estate)
        said = "\n".join(text for _, _, text in found.values()).lower()
        named = sorted(name for name in foreign if name in said)
        yield f"{path.name}: names nothing of the other", f"names {named}" if named else ""


def _own_names(estate: Estate) -> set[str]:
    return {key for key in estate.resources if key.count("/") > 1}


def _differs(expected: Any, found: Any) -> str:
    return "" if expected == found else f"{expected} became {found}"


def ages(folder: Path, assess: Judge) -> Case:
    """Reports at their time and a year later."""
    for path in sorted(folder.iterdir()):
        if not path.is_dir() or path.name == "exports":
            continue
        estate = resources.load([path])
        reports = [one for type_ in sorted(list_report_types()) for one in estate.list_of_type(type_)]
        newest = [when for one in reports if (when := _time(one)) is not None]
        if not newest:
            continue
        then, late = assess.ends(estate, max(newest)), assess.ends(estate, max(newest) + timedelta(days=366))
        rests = {key for key in then if then[key] != late[key]}
        yield f"{path.name}: verdicts rest on reports", "" if rests else "none changes with the time"
        for key in sorted(rests):
            ended = late[key][:2] == (ComplianceState.UNKNOWN, "stale")
            yield f"{path.name} a year later: {key}", "" if ended else f"{then[key]} became {late[key]}"
        fresh = [one.key for one in reports if explain_report_expiry(one, max(newest), estate.coverage)]
        yield f"{path.name}: nothing is stale at its time", f"stale: {fresh}" if fresh else ""


def _time(resource: Resource) -> datetime | None:
    found = find_report_kind(resource.type)
    texts = [walk_path(resource.body, path) for path in found[2]] if found is not None else []
    return next((datetime.fromisoformat(text) for text in texts if isinstance(text, str)), None)


def guests(folder: Path, assess: Judge) -> Case:
    """Machines without a guest assignment beside machines with one."""
    looking = assess.looking_up(GUEST)
    for path in sorted(folder.iterdir()):
        estate = resources.load([path]) if path.is_dir() and path.name != "exports" else None
        held = estate.list_of_type(GUEST) if estate is not None else ()
        if estate is None or not held or (path / "coverage.json").exists():
            continue
        ended = assess.ends(estate, min(when for one in held if (when := _time(one)) is not None))
        having = {one.id.parent for one in held}
        judged = [key for key in ended if key[0] in having and key[1] in looking]
        decided = any(
            ended[key][0] in (ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT) for key in judged
        )
        yield f"{path.name}: the machine with an assignment is judged", "" if decided else "it is not"
        for key in ended:
            if key[1] in looking and key[0] not in having:
                wrong = ended[key][0] is ComplianceState.NON_COMPLIANT
                yield f"{path.name}: {key}", f"{ended[key]}" if wrong else ""


def exports(folder: Path, assess: Judge) -> Case:
    """The same resources in several exports: never two opposite verdicts."""
    place = folder / "exports"
    if not place.is_dir():
        return
    estates = {path.name: resources.load([path]) for path in sorted(place.iterdir())}
    found = {name: assess.ends(estate, NOW) for name, estate in estates.items()}
    for name, estate in estates.items():
        whole = [one for one in estate.resources.values() if not one.derived]
        yield f"{name}: read", "" if whole else "no resources"
        cut = any(mark in (place / name).read_bytes() for mark in _RENDERED)
        yield (
            f"{name}: told where it is cut",
            "" if cut == bool(estate.quarantine) else f"{estate.quarantine}",
        )
    for one, other in combinations(found, 2):
        # exports of one tool (`ps_full`, `ps_depth2`) are of the same resources; those of others may be of other days
        same = one.partition("_")[0] == other.partition("_")[0]
        for key in sorted(found[one].keys() & found[other].keys()):
            states = {found[one][key][0], found[other][key][0]}
            if same and states <= DECIDED:
                wrong = "Compliant in one, NonCompliant in the other" if len(states) > 1 else ""
                yield f"{one} and {other}: {key}", wrong
        yield from _beside(place / one, place / other, found, assess)


def _beside(one: Path, other: Path, found: dict[str, Ends], assess: Judge) -> Case:
    """Two exports read together: what neither says of a resource is not found absent."""
    estates = {path: resources.load([path]).resources for path in (one, other)}
    together = assess.ends(resources.load([one, other]), NOW)
    for path, more in ((one, estates[other]), (other, estates[one])):
        wrong: dict[str, list[str]] = {}
        for key, (_, cause, text) in found[path.name].items():
            untold = not any(id_ == key[0] or id_.startswith(f"{key[0]}/") for id_ in more)
            if untold and cause == "not-collected" and key in together:
                absent = together[key][0] is ComplianceState.NON_COMPLIANT
                wrong.setdefault(key[0], []).extend([f"{key[1]}: {text} became NonCompliant"] * absent)
        for resource, findings in wrong.items():
            yield f"{one.name} with {other.name}: {resource}", "; ".join(findings)


#: How PowerShell writes an object that it cuts.
_RENDERED = (b'"@{', b'"System.Object[]"', b'"System.Collections.')
CASES: tuple[Callable[[Path, Judge], Case], ...] = (pairs, ages, guests, exports)


def main() -> int:
    """Run the cases and print the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--policies", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    assess = Judge(options.policies or options.corpus.parent / "azure-policy")
    print(f"{len(assess.rules)} definitions")
    matched = total = 0
    for case in CASES:
        good = told = 0
        try:
            for what, wrong in case(options.corpus, assess):
                told += 1
                good += not wrong
                if wrong and options.verbose:
                    print(f"  {what}\n    {wrong}")
        except Exception:  # noqa: BLE001 - a runner's border: an exception in a case is a miss, and is shown
            told += 1
            print(traceback.format_exc())
        print(f"{case.__name__}: {good} of {told}")
        matched, total = matched + good, total + told
    print(f"{matched}/{total} match")
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
