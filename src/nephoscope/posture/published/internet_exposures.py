"""Internet exposure of an edition, as rows that a reach sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.exposure.exposure_rows import ExposureRow, build_exposure_rows, rank_exposure_row
from nephoscope.posture.exposure.internet_exposure import InternetExposure
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.document_queries import Documents

TYPE = "nephoscope.posture/exposures"


class _ExposureDocument(msgspec.Struct, frozen=True):
    id: str
    properties: InternetExposure


@dataclass(frozen=True, slots=True)
class InternetExposures:
    """The openings that may be read, the most exposed first."""

    documents: Documents

    def rows(self, reach: Reach) -> Sequence[ExposureRow]:
        """Every opening, what is closed and why, and what is not known."""
        return self.documents.get_or_compute(
            ("internet exposure", reach), lambda: self._read_exposures(reach)
        )

    def _read_exposures(self, reach: Reach) -> tuple[ExposureRow, ...]:
        rows = self.documents.select_rows_of_types([TYPE], reach)
        numbers = [number for (number,) in rows.project("number").fetchall()]
        found = [row for body in self.documents.bodies(numbers) for row in _parse_rows(body)]
        return tuple(sorted(found, key=rank_exposure_row))


def _parse_rows(body: str) -> Iterator[ExposureRow]:
    found = msgspec.json.decode(body, type=_ExposureDocument)
    resource = found.id.split("/providers/Nephoscope.Posture/", maxsplit=1)[0]
    id_ = ResourceId.parse(resource)
    yield from build_exposure_rows(resource, resource.rsplit("/", 1)[-1], id_.type, found.properties)
