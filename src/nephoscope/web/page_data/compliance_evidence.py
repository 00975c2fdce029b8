"""Evidence of a standard: every control with its policies and the resources behind each result, as rows and as a document."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from nephoscope.model.extras import install

HEADER = (
    "Standard",
    "Control",
    "Title",
    "Control result",
    "Policy",
    "Resource",
    "Result",
    "Cause",
    "Assessed",
)
SHOWN = 50


class NoDocumentError(Exception):
    """The library that writes documents is not installed."""


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """A policy behind a control: its result, and (resource, state, cause) of what it judged, those that fail first."""

    title: str
    state: str
    resources: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class EvidenceControl:
    """A control of a standard with its policies."""

    name: str
    title: str
    state: str
    policies: Sequence[EvidencePolicy]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A standard at a moment, of a scope in words; `score` is the share of judged controls that passed, None where none was judged."""

    standard: str
    scope: str
    assessed: datetime
    author: str
    controls: Sequence[EvidenceControl]

    @property
    def score(self) -> float | None:
        """Passed controls of those that passed or failed."""
        states = [one.state for one in self.controls if one.state in ("Passed", "Failed")]
        return states.count("Passed") / len(states) if states else None

    def rows(self) -> Iterator[Sequence[str]]:
        """A row a judged resource; a control or a policy that judged none has a row of its own."""
        when = self.assessed.isoformat()
        for control in self.controls:
            start = (self.standard, control.name, control.title, control.state)
            if not control.policies:
                yield (*start, "", "", "", "no policy", when)
            for policy in control.policies:
                if not policy.resources:
                    yield (*start, policy.title, "", policy.state, "no resource", when)
                for resource, state, cause in policy.resources:
                    yield (*start, policy.title, resource, state, cause, when)


def document(evidence: Evidence) -> bytes:
    """The evidence as PDF; NoDocumentError where the extra `pdf` is not installed."""
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.lib.styles import getSampleStyleSheet
        from reportlab.platypus import SimpleDocTemplate
    except ImportError as error:
        raise NoDocumentError(
            f"PDF requires the extra pdf: {install('pdf')}; CSV has the same rows"
        ) from error
    out = io.BytesIO()
    title = f"{evidence.standard}: evidence"
    made = SimpleDocTemplate(
        out, pagesize=A4, title=title, author=evidence.author, leftMargin=45, rightMargin=45
    )
    made.build(
        list(_story(evidence, getSampleStyleSheet())),
        onFirstPage=_draw_page_number,
        onLaterPages=_draw_page_number,
    )
    return out.getvalue()


def _draw_page_number(canvas: Any, made: Any) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.drawRightString(made.pagesize[0] - 45, 30, f"Page {canvas.getPageNumber()}")
    canvas.drawString(45, 30, f"{made.title} · nephoscope"[:110])


def _story(evidence: Evidence, styles: Mapping[str, object]) -> Iterator[object]:
    from reportlab.platypus import PageBreak, Paragraph, Spacer

    def make_paragraph(text: str, style: str = "BodyText") -> object:
        return Paragraph(escape(text), styles[style])

    counts = {state: sum(one.state == state for one in evidence.controls) for state in ("Passed", "Failed")}
    judged = "no control could be evaluated"
    if evidence.score is not None:
        judged = f"{evidence.score:.0%} of the evaluated controls passed"
    yield make_paragraph(evidence.standard, "Title")
    yield make_paragraph(f"Scope: {evidence.scope}")
    yield make_paragraph(f"Assessed {evidence.assessed:%Y-%m-%d %H:%M} UTC; written for {evidence.author}")
    left = len(evidence.controls) - sum(counts.values())
    yield make_paragraph(
        f"Score: {judged} ({counts['Passed']} passed, {counts['Failed']} failed, {left} not evaluated)"
    )
    yield Spacer(1, 12)
    yield _summary(evidence, styles)
    yield PageBreak()
    for control in evidence.controls:
        yield make_paragraph(f"{control.name}: {control.state}", "Heading2")
        if control.title != control.name:
            yield make_paragraph(control.title)
        if not control.policies:
            yield make_paragraph("No policy covers this control: provide other evidence.")
        for policy in control.policies:
            yield make_paragraph(f"{policy.title}: {policy.state}", "Heading4")
            for resource, state, cause in policy.resources[:SHOWN]:
                yield make_paragraph(f"{state}: {resource}{f' ({cause})' if cause else ''}", "Code")
            if len(policy.resources) > SHOWN:
                yield make_paragraph(f"and {len(policy.resources) - SHOWN} more in the CSV file")


def _summary(evidence: Evidence, styles: Mapping[str, object]) -> object:
    from reportlab.lib import colors
    from reportlab.platypus import Paragraph, Table, TableStyle

    rows = [["Control", "Title", "Result"]]
    body = styles["BodyText"]
    rows += [
        [Paragraph(escape(one.name), body), Paragraph(escape(one.title), body), one.state]
        for one in evidence.controls
    ]
    table = Table(rows, colWidths=[110, 320, 70], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.25, colors.grey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
            ]
        )
    )
    return table
