"""Path matching: find the chains of a graph that match an attack path type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.attack_paths.attack_path import Chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.posture.attack_paths.entity import Connection, GraphEntity
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.path_type import PathStep, PathType


class _Trail(msgspec.Struct, frozen=True):
    """The begin of a chain."""

    entities: tuple[GraphEntity, ...]
    connections: tuple[Connection, ...] = ()


def find_chains(graph: SecurityGraph, type_: PathType) -> Iterator[Chain]:
    """Every chain of a type, found lazily, without an entity twice; the order is that of the graph."""
    first, *rest = type_.steps
    for entity in graph.list_entities_of_types(first.entity):
        if _matches_step(graph, entity, first):
            for trail in _follow_steps(graph, _Trail((entity,)), tuple(rest)):
                known = tuple(graph.insights(one.id) for one in trail.entities)
                yield Chain(type_, trail.entities, trail.connections, known)


def _follow_steps(graph: SecurityGraph, trail: _Trail, steps: tuple[PathStep, ...]) -> Iterator[_Trail]:
    if not steps:
        yield trail
        return
    step, *rest = steps
    for connection in graph.list_outgoing_connections(trail.entities[-1].id):
        if connection.kind not in step.by:
            continue
        entity = graph[connection.target]
        if entity not in trail.entities and _matches_step(graph, entity, step):
            longer = _Trail((*trail.entities, entity), (*trail.connections, connection))
            yield from _follow_steps(graph, longer, tuple(rest))
    if step.optional:
        yield from _follow_steps(graph, trail, tuple(rest))


def _matches_step(graph: SecurityGraph, entity: GraphEntity, step: PathStep) -> bool:
    known = graph.insights(entity.id)
    return (
        entity.type in step.entity
        and all(kind in known for kind in step.insights)
        and (not step.any_insight or any(kind in known for kind in step.any_insight))
    )
