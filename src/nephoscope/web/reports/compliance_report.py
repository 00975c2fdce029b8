"""Compliance report: a standard on at most four pages, with the evidence attached as a table.

A document for people who sign: the score, the domains, the controls that failed, what to fix first, and what was not evaluated. Every
list has a bound and says what it leaves out; the attached CSV file has every row, and the report its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nephoscope.model.extras import get_install_command
from nephoscope.web.page_data.standard_controls import (
    ControlResult,
    PolicyResult,
    compute_passed_share,
    group_by_domain,
)
from nephoscope.web.rendering.charts import choose_score_band
from nephoscope.web.rendering.formatting import describe_cause_or_state
from nephoscope.web.reports.compliance_evidence import HEADER, Evidence
from nephoscope.web.reports.report_fonts import (
    BOLD,
    PLAIN,
    MissingFontError,
    is_text_embedded,
    mark_up,
    measure_text,
    register_fonts,
)
from nephoscope.web.tables.table_download import write_csv

#: The most rows of each list, so that all of them fit on four pages.
DOMAINS, FAILED, POLICIES, SKIPPED = 24, 60, 40, 24
_WIDTH, _MARGIN, _SIZE = 505, 45, 8
_COLORS = {"poor": "#b42318", "weak": "#b54708", "fair": "#8a6d00", "good": "#067647"}


class NoDocumentError(Exception):
    """The libraries that write documents are not installed."""


@dataclass(frozen=True, slots=True)
class ComplianceReport:
    """A standard by its title, its controls, and the evidence, which has the scope, the time and the author."""

    title: str
    controls: Sequence[ControlResult]
    evidence: Evidence

    def document(self) -> bytes:
        """Write the report as PDF; NoDocumentError where the extra `pdf` is not installed."""
        try:
            from pypdf import PdfReader, PdfWriter
            from reportlab.platypus import SimpleDocTemplate
        except ImportError as error:
            raise NoDocumentError(
                f"PDF requires the extra pdf: {get_install_command('pdf')}; CSV has the same rows"
            ) from error
        try:
            register_fonts()
        except MissingFontError as error:
            raise NoDocumentError(str(error)) from error
        out, annex = io.BytesIO(), write_csv(HEADER, self.evidence.rows())
        made = SimpleDocTemplate(
            out, title=f"{self.title}: compliance report", author=self.evidence.author,
            leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=40, bottomMargin=50, pagesize=(595, 842),
        )  # fmt: skip
        made.build(list(self._build_story(annex)), onFirstPage=_draw_foot, onLaterPages=_draw_foot)
        whole = PdfWriter(clone_from=PdfReader(out))
        whole.add_attachment(self.annex_name, annex)
        written = io.BytesIO()
        whole.write(written)
        return written.getvalue()

    @property
    def annex_name(self) -> str:
        """The name of the attached file."""
        return f"{self.evidence.standard}-evidence.csv"

    def _build_story(self, annex: bytes) -> Iterator[object]:
        """The parts of the document in order."""
        yield from self._build_summary()
        yield from self._list_domains()
        yield from self._build_failed_table()
        yield from self._list_policies()
        yield from self._build_skipped_table()
        yield from self._attach_annex(annex)

    def _build_summary(self) -> Iterator[object]:
        evidence, states = self.evidence, Counter(one.state for one in self.controls)
        share = compute_passed_share(states)
        yield _parse_paragraph(self.title, "Title")
        yield _parse_paragraph(
            f"Scope: {evidence.scope}. Assessed {evidence.assessed:%Y-%m-%d %H:%M} UTC. Written for {evidence.author}."
        )
        if share is None:
            yield _parse_paragraph("No control could be evaluated.", "Heading2")
        else:
            color = _COLORS[choose_score_band(share)]
            yield _build_paragraph_with_markup(
                f'<font color="{color}">{share:.0%}</font> of the evaluated controls passed', "Heading2"
            )
        left = len(self.controls) - states["Passed"] - states["Failed"]
        yield _parse_paragraph(
            f"{states['Passed']} controls passed, {states['Failed']} failed, {left} were not evaluated. A control passes "
            "if none of its policies failed and none was left without a result; what was not evaluated counts neither way."
        )

    def _list_domains(self) -> Iterator[object]:
        domains = group_by_domain(self.controls)
        yield _parse_paragraph("Domains", "Heading3")
        rows = [
            (
                one.title,
                "–" if one.share is None else f"{one.share:.0%}",
                str(one.states["Passed"]),
                str(one.states["Failed"]),
                str(len(one.controls) - one.states["Passed"] - one.states["Failed"]),
            )
            for one in domains
        ]
        yield from _build_table(
            ("Domain", "Share", "Passed", "Failed", "Not evaluated"),
            rows,
            (285, 50, 50, 50, 70),
            DOMAINS,
            "domains",
        )

    def _build_failed_table(self) -> Iterator[object]:
        failed = sorted(
            (one for one in self.controls if one.state == "Failed"), key=lambda one: -one.failed_resources
        )
        yield _parse_paragraph("Failed controls", "Heading3")
        if not failed:
            yield _parse_paragraph("No control failed.")
            return
        rows = [
            (
                one.code,
                one.text,
                f"{one.states['Failed']} of {len(one.policies)}",
                str(one.failed_resources),
            )
            for one in failed
        ]
        yield from _build_table(
            ("Control", "Title", "Policies failed", "Findings"),
            rows,
            (85, 290, 75, 55),
            FAILED,
            "failed controls",
        )

    def _list_policies(self) -> Iterator[object]:
        failed: dict[str, PolicyResult] = {}
        serves: Counter[str] = Counter()
        for control in self.controls:
            for policy in control.policies.values():
                if policy.state == "Failed":
                    failed[policy.key] = policy
                    serves[policy.key] += 1
        if failed:
            ranked = sorted(failed.values(), key=lambda one: (-serves[one.key], -one.failed, one.title))
            rows = [(one.title, str(serves[one.key]), str(one.failed)) for one in ranked]
            yield _parse_paragraph("What to fix first", "Heading3")
            yield _parse_paragraph(
                "Policies by the number of failed controls that they belong to, then by failed resources."
            )
            yield from _build_table(
                ("Policy", "Controls", "Resources"), rows, (395, 55, 55), POLICIES, "failed policies"
            )

    def _build_skipped_table(self) -> Iterator[object]:
        left = [one for one in self.controls if one.state not in ("Passed", "Failed")]
        if not left:
            return
        yield _parse_paragraph("Not evaluated", "Heading3")
        rows = [(one.code, one.text, self._explain_unassessed_control(one)) for one in left]
        yield from _build_table(
            ("Control", "Title", "Why"), rows, (85, 250, 170), SKIPPED, "controls that were not evaluated"
        )

    def _explain_unassessed_control(self, control: ControlResult) -> str:
        if not control.policies:
            return "no policy covers it: provide other evidence"
        judged = next(one for one in self.evidence.controls if one.name == control.name)
        causes = Counter(
            cause or state
            for policy in judged.policies
            for _, state, cause in policy.resources
            if state in ("Unknown", "Error")
        )
        if causes:
            return ", ".join(
                f"{describe_cause_or_state(cause)} ({count})" for cause, count in causes.most_common(2)
            )
        if control.states["Unsupported"] == len(control.policies):
            return "its policies are documents or disabled"
        return "no resource of its types is known"

    def _attach_annex(self, annex: bytes) -> Iterator[object]:
        rows = sum(1 for _ in self.evidence.rows())
        yield _parse_paragraph("Annex", "Heading3")
        yield _parse_paragraph(
            f"The evidence is attached to this document as {self.annex_name}: {rows} rows, one for each policy and resource, "
            f"with result and cause. SHA-256 {hashlib.sha256(annex).hexdigest()}"
        )


def _draw_foot(canvas: Any, made: Any) -> None:
    canvas.setFont(PLAIN, 8)
    canvas.drawRightString(made.pagesize[0] - _MARGIN, 28, f"Page {canvas.getPageNumber()}")
    canvas.drawString(_MARGIN, 28, f"{made.title} · nephoscope"[:110])


def _build_styles() -> Mapping[str, Any]:
    from reportlab.lib.styles import getSampleStyleSheet

    found: Mapping[str, Any] = getSampleStyleSheet()
    for style in found.byName.values():  # type: ignore[attr-defined]
        style.fontName = BOLD if style.name.startswith(("Heading", "Title")) else PLAIN
    return found


def _parse_paragraph(text: str, style: str = "BodyText") -> object:
    return _build_paragraph_with_markup(mark_up(text), style)


def _build_paragraph_with_markup(text: str, style: str) -> object:
    from reportlab.platypus import Paragraph

    return Paragraph(text, _build_styles()[style])


def _build_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], most: int, what: str
) -> Iterator[object]:
    """Yield a table of lines that do not wrap, and a line that says how many of what it leaves out."""
    from reportlab.lib import colors
    from reportlab.platypus import Table, TableStyle

    shown = [
        heads,
        *(
            [_draw_cell(_shorten_text(cell, width)) for cell, width in zip(row, widths, strict=True)]
            for row in rows[:most]
        ),
    ]
    table = Table(shown, colWidths=list(widths), repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), PLAIN, _SIZE),
                ("FONT", (0, 0), (-1, 0), BOLD, _SIZE),
                ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
                ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    yield table
    if len(rows) > most:
        yield _parse_paragraph(f"{len(rows) - most} more {what} are in the annex.")


def _shorten_text(text: str, width: int) -> str:
    """Return as much of a text as fits into a cell, with an ellipsis where it was cut."""
    line = " ".join(text.split())
    if measure_text(line, _SIZE) <= width - 8:
        return line
    while line and measure_text(f"{line}…", _SIZE) > width - 8:
        line = line[:-1]
    return f"{line.rstrip()}…"


def _draw_cell(line: str) -> object:
    """Return a line as a cell: its text, or a paragraph where it needs several fonts."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    if is_text_embedded(line):
        return line
    return Paragraph(
        mark_up(line), ParagraphStyle("cell", fontName=PLAIN, fontSize=_SIZE, leading=_SIZE * 1.2)
    )
