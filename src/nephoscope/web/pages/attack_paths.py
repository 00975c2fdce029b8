"""Attack paths: the ways that an attacker could take, with choke points; one with its graph, its steps and what closes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from nephoscope.posture.attack_paths.type_names import name_resource_type
from nephoscope.posture.published.attack_paths import PathRow, WantedPaths, list_choke_points
from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.state import NotFoundError
from nephoscope.web.lists.attack_path_list import build_path_list
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.rendering.control_characters import escape_controls
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.model.state import Severity

READ = "Microsoft.Security/attackPaths/read"
_COLUMNS = ("Risk", "Path", "Through", "Category", "Entry point", "Target", "Factors", "Story", "Id")
_STEPS = ("From", "To", "How", "Fix", "Recommendations")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    reach, wanted = visit.reach(READ), build_path_list(visit)
    every = snapshot.attack_paths.list_wanted(reach)
    sought = WantedPaths(through=visit.get_query_value("through").lower(), text=visit.get_query_value("q"))
    found = find_rows(visit, wanted, snapshot.attack_paths.list_wanted(reach, sought))
    if visit.get_query_value("format") == "csv":
        return build_csv_response("attack-paths", _COLUMNS, map(_build_row, found.rows))
    narrowed = len(found.rows) < len(every)
    return {
        "snapshot": snapshot, "list": show_rows(visit, wanted, found), "levels": snapshot.attack_paths.count_levels(reach),
        "severities": list(reversed(Severity)), "through": _select_entity(every, visit.get_query_value("through")),
        "chokes": list_choke_points(found.rows) if narrowed else snapshot.get_or_compute(("choke points", reach),
        lambda: list_choke_points(every)),

        "gaps": snapshot.build_info.list_visible_gaps(reach),
    }  # fmt: skip


def _select_entity(paths: Sequence[PathRow], id_: str) -> tuple[str, str]:
    """(id, name) of the entity that the paths must lead through, ('', '') where none was asked for."""
    wanted_ = id_.lower()
    names = (one.name for path in paths for one in path.entities if one.is_called(wanted_))
    return (wanted_, next(names, wanted_.rsplit("/", 1)[-1])) if wanted_ else ("", "")


def _build_row(path: PathRow) -> tuple[str, ...]:
    return (
        path.level.value,
        path.title,
        " → ".join(one.name for one in path.entities),
        ", ".join(path.categories),
        path.entry.name,
        path.target.name,
        ", ".join(path.factors),
        path.story,
        path.id,
    )


def show_path(visit: Visit) -> Mapping[str, object] | Response:
    """One path."""
    snapshot, name = visit.snapshot, visit.parameters["name"].lower()
    if snapshot is None:
        return {"snapshot": None}
    reach = visit.caller.find_reach(READ)
    row = next((path for path in snapshot.attack_paths.list_wanted(reach) if path.name == name), None)
    body = snapshot.listing.get(row.id, reach) if row else None
    if row is None or body is None:
        raise NotFoundError(f"attack path {name[:100]!r} not found, or you cannot access it")
    properties = body["properties"]
    if visit.get_query_value("format") == "csv":
        return build_csv_response(
            f"attack-path-{name}", _STEPS, map(_build_step, properties["attackPathSteps"])
        )
    others = {path.name: path for path in snapshot.attack_paths.list_wanted(reach) if path.name != name}
    return {
        "snapshot": snapshot, "path": row, "properties": properties, "graph": build_graph_json(properties),
        "shared": [
            (entity, count)
            for entity in row.entities[:-1]
            if entity.type != "internet" and (count := sum(entity in path.entities[:-1] for path in others.values()))
        ],
    }  # fmt: skip


def _build_step(step: Mapping[str, Any]) -> tuple[str, ...]:
    named = "; ".join(describe_failure(one["displayName"]) for one in step["assessments"])
    return step["from"], step["to"], step["description"], step["remediation"], named


def build_graph_json(properties: Mapping[str, Any]) -> str:
    """Return what the graph draws, as JSON: nodes with their names, kinds and insights, edges with their titles."""
    drawn = properties["graphComponent"]
    known = {one["entityInternalId"] for one in drawn["insights"] if one["type"] != "passwordAccess"}
    nodes = [
        {
            "id": one["entityInternalId"],
            "name": escape_controls(one["entityName"]),
            "kind": escape_controls(name_resource_type(one["entityType"])),
            "role": _choose_role(one["entityInternalId"], properties),
            "weak": one["entityInternalId"] in known,
        }
        for one in drawn["entities"]
    ]
    edges = [
        {
            "source": one["sourceEntityInternalId"],
            "target": one["targetEntityInternalId"],
            "title": escape_controls(one["title"]),
        }
        for one in drawn["connections"]
    ]
    return msgspec.json.encode({"nodes": nodes, "edges": edges}).decode()


def _choose_role(id_: str, properties: Mapping[str, object]) -> str:
    if id_ == properties["targetEntityInternalID"]:
        return "target"
    return "entry" if id_ == properties["entryPointEntityInternalID"] else ""


def count_critical(visit: Visit) -> int | None:
    """Count how many paths there are."""
    return None if visit.snapshot is None else len(visit.snapshot.attack_paths.list_wanted(visit.reach(READ)))


PAGES = (
    Page(
        "/attack-paths",
        "Attack paths",
        "attack_paths.html",
        READ,
        fill_page,
        PageArea.POSTURE,
        5,
        count=count_critical,
    ),
    Page("/attack-paths/{name}", "Attack path", "attack_path.html", READ, show_path),
)
