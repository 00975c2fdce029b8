"""All attack paths of one evaluation, the gravest first, and what was not read that could be another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.attack_paths.attack_path import AttackPath
from nephoscope.posture.attack_paths.entity import INTERNET
from nephoscope.posture.attack_paths.graph_builder import build_graph
from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
from nephoscope.posture.attack_paths.open_findings import OpenFindings
from nephoscope.posture.attack_paths.path_matching import find_chains
from nephoscope.posture.attack_paths.path_risk import compute_path_risk
from nephoscope.posture.attack_paths.path_type import load_path_types

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.posture.attack_paths.path_type import PathType
    from nephoscope.posture.recommendations.report_row import ReportRow

#: Paths of one type that are kept: more are of one cause, and its first thousand show it.
MOST_OF_A_TYPE = 1_000


class AttackPathAnalysis(msgspec.Struct, frozen=True):
    """The paths, the gaps: (lower-cased subscription GUID or '' for the tenant, what was not known), and the lower-cased ids
    of the resources that the Internet reaches, whether a path leads on from them or not."""

    paths: tuple[AttackPath, ...] = ()
    gaps: tuple[tuple[str, str], ...] = ()
    exposed: frozenset[str] = frozenset()


def analyze(
    view: EstateView,
    rows: Iterable[ReportRow],
    accounts: Callable[[ReportRow], frozenset[str]] = lambda _: frozenset(),
    types: Iterable[PathType] | None = None,
) -> AttackPathAnalysis:
    """Find the paths of an estate whose assessments are the rows; by the package's types, or by others.

    `accounts` gives the object ids of the accounts that a failing row about accounts names.
    """
    facts = GraphFacts(view, OpenFindings(rows, accounts))
    graph = build_graph(facts)
    found: list[AttackPath] = []
    for type_ in load_path_types() if types is None else types:
        several = list(islice(find_chains(graph, type_), MOST_OF_A_TYPE + 1))
        if len(several) > MOST_OF_A_TYPE:
            facts.record_gap("", f"paths beyond the first {MOST_OF_A_TYPE} of the type {type_.name}")
        found += (AttackPath(one, *compute_path_risk(one)) for one in several[:MOST_OF_A_TYPE])
    found.sort(key=lambda one: (-one.level.rank, one.chain.type.title, one.id))
    exposed = (graph[one.target].resource.lower() for one in graph.list_outgoing_connections(INTERNET.id))
    return AttackPathAnalysis(tuple(found), facts.gaps, frozenset(one for one in exposed if one))
