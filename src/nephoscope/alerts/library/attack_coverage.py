"""Coverage of MITRE ATT&CK: which tactics and techniques rules and hunting queries speak of, as they say themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.tactics import order_tactics

LAYER = "4.5"
NO_TACTIC, NO_TECHNIQUE = "(no tactic)", "(no technique)"


@dataclass(frozen=True, slots=True)
class CoverageRule:
    """A rule or query and whether it is run: `pack` is '' for what comes along."""

    rule: AnalyticRule
    pack: str = ""
    on: bool = True

    @property
    def hunting(self) -> bool:
        """Return whether it is only run when somebody hunts."""
        return self.rule.kind is RuleKind.HUNTING


@dataclass(frozen=True, slots=True)
class TechniqueCoverage:
    """Coverage of a technique under a tactic: sorted names of its detections and hunting queries."""

    tactic: str
    technique: str
    detections: tuple[str, ...]
    hunting: tuple[str, ...]


@cache
def load_techniques() -> Mapping[str, Mapping[str, Any]]:
    """Technique -> its `name` and `tactics`, without those below it. Source: https://attack.mitre.org/techniques/enterprise/."""
    text = (files("nephoscope") / "content" / "attack" / "techniques.json").read_bytes()
    found: Mapping[str, Mapping[str, Any]] = msgspec.json.decode(text)
    return found


def list_tactic_techniques(rule: AnalyticRule) -> Iterator[tuple[str, str]]:
    """(tactic, technique) of a rule: a technique under those of its tactics that ATT&CK has it under, else under all of them."""
    left = dict.fromkeys(rule.tactics or (NO_TACTIC,))
    for technique in dict.fromkeys(one.upper() for one in rule.techniques):
        about = load_techniques().get(technique.partition(".")[0], {})
        fitting = [one for one in rule.tactics if one in about.get("tactics", ())]
        for tactic in fitting or rule.tactics or (NO_TACTIC,):
            left.pop(tactic, None)
            yield tactic, technique
    for tactic in left:
        yield tactic, NO_TECHNIQUE


def build_technique_cells(sources: Iterable[CoverageRule]) -> list[TechniqueCoverage]:
    """A cell for each pair of a tactic and a technique that rules speak of, in the order of the kill chain."""
    found: dict[tuple[str, str], dict[bool, set[str]]] = defaultdict(lambda: {True: set(), False: set()})
    for one in sources:
        for pair in list_tactic_techniques(one.rule):
            found[pair][one.hunting].add(one.rule.name)
    tactics = {name: place for place, name in enumerate(order_tactics([tactic for tactic, _ in found]))}
    return [
        TechniqueCoverage(tactic, technique, tuple(sorted(kinds[False])), tuple(sorted(kinds[True])))
        for (tactic, technique), kinds in sorted(
            found.items(), key=lambda item: (tactics[item[0][0]], item[0][1])
        )
    ]


def count_by_tactic(found: Iterable[TechniqueCoverage]) -> list[dict[str, Any]]:
    """A row a tactic: how many techniques, detections and hunting queries it has."""
    rows: dict[str, dict[str, set[str]]] = {}
    for cell in found:
        row = rows.setdefault(cell.tactic, {"techniques": set(), "detections": set(), "hunting": set()})
        if cell.technique != NO_TECHNIQUE:
            row["techniques"].add(cell.technique)
        row["detections"].update(cell.detections)
        row["hunting"].update(cell.hunting)
    return [{"tactic": name, **{key: len(value) for key, value in row.items()}} for name, row in rows.items()]


@dataclass(frozen=True, slots=True)
class MatrixTechnique:
    """A technique under a tactic: how many detections and hunting queries speak of it or of a technique below it."""

    id: str
    name: str
    detections: int
    hunting: int


@dataclass(frozen=True, slots=True)
class MatrixTactic:
    """A column of the matrix: all techniques that ATT&CK has under a tactic, those that most speak of first."""

    tactic: str
    techniques: tuple[MatrixTechnique, ...]

    @property
    def count_covered(self) -> int:
        """Count the techniques that a detection or a hunting query speaks of."""
        return sum(1 for one in self.techniques if one.detections or one.hunting)


def build_matrix(found: Iterable[TechniqueCoverage]) -> list[MatrixTactic]:
    """Make the matrix: every tactic of ATT&CK in the order of the kill chain, covered or not."""
    cells: dict[tuple[str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for cell in found:
        cells[cell.tactic, cell.technique.partition(".")[0]][0].update(cell.detections)
        cells[cell.tactic, cell.technique.partition(".")[0]][1].update(cell.hunting)
    columns: dict[str, list[MatrixTechnique]] = defaultdict(list)
    for id_, about in load_techniques().items():
        for tactic in about["tactics"]:
            detections, hunting = cells.get((tactic, id_), (set(), set()))
            columns[tactic].append(MatrixTechnique(id_, str(about["name"]), len(detections), len(hunting)))
    return [
        MatrixTactic(
            tactic, tuple(sorted(columns[tactic], key=lambda one: (-one.detections, -one.hunting, one.name)))
        )
        for tactic in order_tactics(list(columns))
    ]


def build_navigator_layer(found: Iterable[TechniqueCoverage], name: str) -> dict[str, Any]:
    """A layer for the ATT&CK Navigator; a technique's score is how many detections and hunting queries speak of it.

    Source: https://github.com/mitre-attack/attack-navigator/tree/master/layers (format 4.5).
    """
    known: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for cell in found:
        if cell.technique != NO_TECHNIQUE:
            known[cell.technique][0].update(cell.detections)
            known[cell.technique][1].update(cell.hunting)
    techniques = [_build_technique(id_, *known[id_]) for id_ in sorted(known)]
    most = max((one["score"] for one in techniques), default=1)
    return {
        "name": name,
        "versions": {"layer": LAYER},
        "domain": "enterprise-attack",
        "description": "Techniques that detections and hunting queries of nephoscope speak of",
        "techniques": techniques,
        "gradient": {"colors": ["#e8f1fa", "#1f6fb2"], "minValue": 0, "maxValue": most},
        "hideDisabled": False,
        "layout": {"layout": "side", "showName": True, "showID": True},
    }


def _build_technique(id_: str, detections: set[str], hunting: set[str]) -> dict[str, Any]:
    return {
        "techniqueID": id_,
        "score": len(detections) + len(hunting),
        "comment": "\n".join([*sorted(detections), *(f"hunting: {one}" for one in sorted(hunting))]),
        "enabled": True,
        "metadata": [
            {"name": "detections", "value": str(len(detections))},
            {"name": "hunting queries", "value": str(len(hunting))},
        ],
        "showSubtechniques": "." in id_,
    }


def render_markdown(found: list[TechniqueCoverage]) -> list[str]:
    """The lines of a page: what there is in numbers, and a table of techniques for each tactic."""
    lines = ["| tactic | techniques | detections | hunting queries |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(map(str, row.values()))} |" for row in count_by_tactic(found)]
    by_tactic: Mapping[str, list[TechniqueCoverage]] = defaultdict(list)
    for cell in found:
        by_tactic[cell.tactic].append(cell)
    for tactic, several in by_tactic.items():
        lines += ["", f"## {tactic}", "", "| technique | detections | hunting queries |", "|---|---|---|"]
        lines += [
            f"| {_format_link(one.technique)} | {_format_names(one.detections)} | {_format_names(one.hunting)} |"
            for one in several
        ]
    return lines


def _format_link(technique: str) -> str:
    if technique == NO_TECHNIQUE:
        return technique
    name = load_techniques().get(technique.partition(".")[0], {}).get("name", "")
    return (
        f"[{technique}](https://attack.mitre.org/techniques/{technique.replace('.', '/')}/) {name}".rstrip()
    )


def _format_names(names: Iterable[str]) -> str:
    return "<br>".join(one.replace("|", "\\|").replace("<", "&lt;") for one in names)
