"""The plans of Defender for Cloud: which own detection finds what each published alert type stands for, and why none can.

A plan is a file in content/plans: `plan`, `source`, the `tables` whose detections belong to it, `alerts` (each with the
`types` that Microsoft publishes, and `detections`, `notPossible`, or both where a part is found), and the detections `beyond`.
"""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope.content.loader import load_documents
from nephoscope_policy.documents import ContentDocument, ContentError

KEYS = frozenset({"plan", "source", "tables", "alerts", "beyond"})
ALERT_KEYS = frozenset({"types", "detections", "notPossible"})


@dataclass(frozen=True, slots=True)
class Counterpart:
    """Alert types of one meaning, the own detections (names of their files) that find it, and why none does or not all."""

    types: tuple[str, ...]
    detections: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class DefenderPlan:
    """One plan: `tables` are folders of detections, `beyond` detections that no alert type of Microsoft's stands for."""

    name: str
    title: str
    source: str
    tables: tuple[str, ...]
    alerts: tuple[Counterpart, ...]
    beyond: tuple[str, ...]

    def list_detections(self) -> frozenset[str]:
        """Every detection that the plan names."""
        return frozenset(self.beyond).union(*(one.detections for one in self.alerts))


def load_plans() -> tuple[DefenderPlan, ...]:
    """The shipped plans, by title; ContentError names the file that is wrong, and how."""
    found = (_read_plan(document) for document in load_documents(kind="plans"))
    return tuple(sorted(found, key=lambda one: one.title))


def _read_plan(document: ContentDocument) -> DefenderPlan:
    body = document.json()
    if not isinstance(body, dict) or body.keys() != KEYS:
        raise ContentError(f"a plan has {', '.join(sorted(KEYS))}", document.place)
    return DefenderPlan(
        document.name.removesuffix(".json"),
        str(body["plan"]),
        str(body["source"]),
        _read_texts(body["tables"], document),
        tuple(_read_counterpart(one, document) for one in body["alerts"]),
        _read_texts(body["beyond"], document),
    )


def _read_counterpart(body: object, document: ContentDocument) -> Counterpart:
    if not isinstance(body, dict) or body.keys() - ALERT_KEYS:
        raise ContentError(f"an alert has {', '.join(sorted(ALERT_KEYS))}", document.place)
    found = Counterpart(
        _read_texts(body.get("types", []), document),
        _read_texts(body.get("detections", []), document),
        str(body.get("notPossible", "")),
    )
    if not found.types or not (found.detections or found.reason):
        raise ContentError(
            "an alert requires types, and either detections or a reason why it has no detection",
            document.place,
        )
    return found


def _read_texts(value: object, document: ContentDocument) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ContentError(f"{value!r} is not a list of strings", document.place)
    return tuple(value)
