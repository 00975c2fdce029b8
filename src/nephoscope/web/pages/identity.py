"""Identity overview: what asks for work in each list of identity, and the first rows of these."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from nephoscope.service.identity_risk import READ
from nephoscope.web.lists.section_list import SectionRow
from nephoscope.web.lists.sections import Section, list_sections, list_tabs
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

#: Rows of a list that the overview shows.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class UrgentRows:
    """Rows of a list that ask for work: a label, and the values of a facet that its rows have."""

    label: str
    facet: str
    values: Collection[str]


#: Path of a list -> what of it asks for work, in the order of the page.
_AT_RISK = ("atRisk", "confirmedCompromised")
URGENT = {
    "/identity/risks": UrgentRows("Identities at risk", "state", _AT_RISK),
    "/identity/risky-sign-ins": UrgentRows("Sign-ins at risk", "state", _AT_RISK),
    "/identity/administrators": UrgentRows("Without a second factor", "secondFactor", ("no",)),
    "/identity/account-findings": UrgentRows("High account findings", "severity", ("High",)),
    "/identity/conditional-access/gaps": UrgentRows("Access gaps of administrators", "administrator", ("yes",)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OverviewList:
    """A list of identity as the overview shows it: how many rows ask for work, its first rows, and what was not collected.

    `path` is the address of the list, `urgent_path` that of the rows which ask for work.
    """

    section: Section
    label: str
    total: int
    urgent: int
    first: Sequence[tuple[SectionRow, str]]
    note: str
    path: str
    urgent_path: str

    @property
    def cause(self) -> str:
        """Return the note in short: the first of several things that were not collected, and how many more there are."""
        first, *rest = self.note.split(", ")
        return f"{first} and {len(rest)} more" if rest else first


def fill_page(visit: Visit) -> Mapping[str, object]:
    """Return what the page shows."""
    workspace = visit.workspace(READ)
    sections = {one.path: one for one in list_sections()}
    return {
        "lists": [_count_list(visit, sections[path], one, workspace) for path, one in URGENT.items()],
        "workspace": workspace, "workspaces": visit.workspaces(READ), "tabs": list_tabs(sections["/identity/risks"]),
    }  # fmt: skip


def _count_list(visit: Visit, section: Section, wanted: UrgentRows, workspace: str) -> OverviewList:
    answer = section.answer(visit, workspace)
    rows = section.rows(answer)
    urgent = [one for one in rows if one.row[wanted.facet] in wanted.values]
    rest = [one for one in rows if one.row[wanted.facet] not in wanted.values]
    kept = workspace if section.is_per_workspace else None
    path = visit.link(section.path, workspace=kept)
    chosen = urlencode([(wanted.facet, one) for one in wanted.values])
    first = [
        (one, visit.link(f"{section.path}/item/{quote(one.key)}", workspace=kept))
        for one in [*urgent, *rest][:SHOWN]
    ]
    note = next(iter(section.notes(answer)), "")
    return OverviewList(
        section, wanted.label, len(rows), len(urgent), first, note[:1].upper() + note[1:], path,
        f"{path}{'&' if '?' in path else '?'}{chosen}",
    )  # fmt: skip


PAGE = Page(
    "/identity", "Identity overview", "identity.html", READ, fill_page, PageArea.IDENTITY, 0, tenant=True, under_scope=SAME
)  # fmt: skip
