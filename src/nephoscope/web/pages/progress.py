"""Progress of an assessment, for pages that show it while it runs."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from nephoscope.web.page_data.assessment_progress import find_current_assessment
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

READ = "Microsoft.Security/assessments/read"


def fill_page(visit: Visit) -> Response:
    """The line alone; the page is loaded anew when it is over."""
    found = find_current_assessment(visit.instance)
    headers = {"Cache-Control": "no-store"} | ({} if found else {"HX-Refresh": "true"})
    return HTMLResponse(draw_template("progress.html", visit=visit, under_way=found), headers=headers)


PAGE = Page("/progress", "Progress", "", READ, fill_page)
