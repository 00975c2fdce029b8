"""Resource origins: the template and line that deployed a resource, from runs of the default branch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.state.estate.pipeline_records import PipelineSeries, PlannedOrigin
from nephoscope_policy.arm.template.deployment_scope import ASSUMED_GROUP, ASSUMED_SUBSCRIPTION
from nephoscope_policy.model.resource_id import ResourceId

#: A part of an id that is not known before the deployment.
_OPEN = re.compile(r"\{[^{}/]*\}")
#: Known characters of a name that tell resources of one type apart.
_LEAST_NAME = 3
_SUBSCRIPTION = f"/subscriptions/{ASSUMED_SUBSCRIPTION}"
_GROUP = f"/resourcegroups/{ASSUMED_GROUP}"


@dataclass(frozen=True, slots=True)
class CodeOrigin:
    """A place of a file that made a resource: `certain` where its whole id was planned, else the resource may be another's."""

    planned: PlannedOrigin
    certain: bool


def list_planned_origins(
    series: PipelineSeries, run: str, places: Iterable[PlannedPlace]
) -> list[PlannedOrigin]:
    """Return what a run plans, one for each id and place; ids that cannot be resource ids are left out."""
    found = {}
    for one in places:
        key = one.id.lower().rstrip("/")
        if not key.startswith("/") or len(key) > 2_000:
            continue
        origin = PlannedOrigin(
            series.repository, series.tool, series.category, key, one.region.file, one.region.line, one.region.column,
            one.type.lower(), is_exact(key), one.conditional, run, list(one.passed),
        )  # fmt: skip
        found[origin.id, origin.file, origin.line, origin.column] = origin
    return [found[key] for key in sorted(found)]


def is_exact(id_: str) -> bool:
    """Tell whether a lower-cased planned id is known in full: no part in braces, no assumed subscription or resource group."""
    parts = f"{id_}/"
    return not (_OPEN.search(id_) or f"{_SUBSCRIPTION}/" in parts or f"{_GROUP}/" in parts)


class OriginIndex:
    """Index of planned resources by whole ids and by types, for look-ups of many resources."""

    def __init__(self, planned: Iterable[PlannedOrigin]) -> None:
        self._exact: dict[str, list[PlannedOrigin]] = {}
        self._open: dict[str, list[PlannedOrigin]] = {}
        for one in planned:
            if one.exact:
                self._exact.setdefault(one.id, []).append(one)
            elif _identifies_resource(one.id):
                self._open.setdefault(one.type, []).append(one)

    def find_origins(self, id_: str) -> list[CodeOrigin]:
        """Return the origins of a resource; where its whole id is planned, no origin that only may be is given."""
        key = id_.lower().rstrip("/")
        known = self._exact.get(key)
        if known:
            return [CodeOrigin(one, not one.conditional) for one in known]
        several = self._open.get(get_resource_type(key), ())
        return [
            CodeOrigin(one, certain=False) for one in several if _compile_id_pattern(one.id).fullmatch(key)
        ]


def get_resource_type(id_: str) -> str:
    """Return the lower-cased type of a resource id; '' for what is none."""
    try:
        return ResourceId.parse(id_).type.lower()
    except ValueError:
        return ""


def _identifies_resource(id_: str) -> bool:
    """Tell whether a planned id names anything: a part of the name, or the resource group that it is deployed to."""
    name = _OPEN.sub("", id_.rpartition("/")[2])
    return len(name) >= _LEAST_NAME or not (
        f"{_GROUP}/" in id_ or _OPEN.search(id_.partition("/providers/")[0])
    )


@lru_cache(maxsize=10_000)
def _compile_id_pattern(id_: str) -> re.Pattern[str]:
    """Return what a planned id with unknown parts can be."""
    text = re.escape(id_)
    text = text.replace(re.escape(_SUBSCRIPTION) + "/", "/subscriptions/[^/]+/", 1)
    text = re.sub(rf"{re.escape(re.escape(_GROUP))}(?=/|$)", "/resourcegroups/[^/]+", text, count=1)
    return re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", text))
