"""The score controls and the map from recommendations to them, read from content/scores."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope.posture.recommendations.score import SecurityControl
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from nephoscope.posture.recommendations.recommendation import Recommendation

INFERRED = "inferred"


class ControlPlacement(msgspec.Struct, frozen=True):
    """The control of one recommendation, the publication that says so (or `inferred`), and for an inferred one the `basis`."""

    control: str
    source: str
    basis: str = ""

    @property
    def is_inferred(self) -> bool:
        """Return whether no publication says so."""
        return self.source == INFERRED


class Controls(msgspec.Struct, frozen=True):
    """All score controls, and the placements by lower-cased policy GUID or assessment key."""

    controls: tuple[SecurityControl, ...]
    placements: Mapping[str, ControlPlacement]

    def find_by_name(self, name: str) -> SecurityControl | None:
        """The control of that display name, in any case."""
        wanted = name.casefold()
        return next((control for control in self.controls if control.name.casefold() == wanted), None)

    def find_control(self, key: str) -> SecurityControl | None:
        """The control of a recommendation, None where it is in none."""
        placement = self.placements.get(key.lower())
        return self.find_by_name(placement.control) if placement else None

    def find_scoring_control(self, recommendation: Recommendation) -> SecurityControl | None:
        """The control in which a recommendation moves the score: None for previews and for what is in no control."""
        if recommendation.preview:
            return None
        return self.find_control(recommendation.key) or self.find_by_name(recommendation.score_control)

    @classmethod
    def load(cls, root: Path | None = None) -> Controls:
        """Read the `scores` folder of a pack (None = the shipped one); ContentError on a bad row."""
        by_name = {document.name: document for document in load_documents(root, "scores")}
        controls = tuple(_build_control(row) for row in _read_rows(by_name, "controls.json", "controls"))
        placements: dict[str, ControlPlacement] = {}
        for section, key in (("assessments", "key"), ("policies", "policy")):
            for row in _read_rows(by_name, "recommendations.json", section):
                _place_control(row, key, placements, by_name["recommendations.json"])
        return cls(controls, placements)

    @classmethod
    @cache
    def builtin(cls) -> Controls:
        """The shipped map."""
        return cls.load()


def _read_rows(by_name: Mapping[str, ContentDocument], name: str, section: str) -> list[dict[str, object]]:
    if name not in by_name:
        raise ContentError(f"the pack has no scores/{name}", Place("content/scores"))
    rows = by_name[name].json().get(section)
    if not isinstance(rows, list):
        raise ContentError(f"'{section}' is not a list", Place(by_name[name].place.file, path=section))
    return rows


def _build_control(row: Mapping[str, Any]) -> SecurityControl:
    return SecurityControl(str(row["id"]), str(row["name"]), int(row["maxScore"]))


def _place_control(
    row: Mapping[str, object], key: str, placements: dict[str, ControlPlacement], document: ContentDocument
) -> None:
    name = str(row[key]).lower()
    if name in placements:
        raise ContentError(f"{name} is in two controls", Place(document.place.file, path=name))
    placements[name] = ControlPlacement(str(row["control"]), str(row["source"]), str(row.get("basis", "")))
