"""Settings: their sections, and what a new server still needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nephoscope.web.lists.sections import list_sections
from nephoscope.web.page_data.setup_steps import list_setup_steps
from nephoscope.web.pages import audit, automations, content, registries, rules, sources, suppressions
from nephoscope.web.pages.settings_sections import PAGES as SECTIONS
from nephoscope.web.visits.page import EVERYBODY, SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

AREAS = ("Access", "Data", "Detection", "Response", "Posture", "Content")
#: The pages that have a module of their own: their area, and what they are for.
OWN = (
    ("Access", audit.PAGE, "Who changed what, in a chain of entries that shows tampering."),
    ("Data", sources.PAGE, "Tenants, log sources and their health."),
    ("Data", registries.PAGES[0], "Container registries whose images are scanned and promoted."),
    ("Detection", rules.PAGES[0], "Detection rules: state, quality, replay and overrides."),
    ("Detection", suppressions.PAGE, "Alerts that are suppressed, by whom, why and until when."),
    ("Response", automations.PAGE, "Continuous export and workflow automation."),
    ("Content", content.PAGES[0], "Rules, hunting queries, policies, initiatives and imported packs."),
)


def fill_page(visit: Visit) -> Mapping[str, object]:
    """Return what the page shows."""
    listed = [one for one in _list_pages() if visit.allows(one[1])]
    if not listed:
        visit.caller.require(audit.PAGE.permission)
    return {
        "listed": {area: [one for one in listed if one[0] == area] for area in AREAS},
        "steps": list_setup_steps(visit),
    }


def _list_pages() -> Iterator[tuple[str, Page, str]]:
    """The pages of the settings with their areas, by title."""
    paths = {one.path: one for one in SECTIONS}
    sections = [(one.shown.area, paths[one.path], one.shown.about) for one in list_sections()]
    yield from sorted([*sections, *OWN], key=lambda one: one[1].title)


PAGE = Page(
    "/settings", "Settings", "settings.html", EVERYBODY, fill_page, PageArea.ESTATE, 90, under_scope=SAME
)
