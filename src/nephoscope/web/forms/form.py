"""Forms: what was sent, and a page that is drawn again with it where it could not be taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import RedirectResponse, Response

from nephoscope.ingest.source_failures import SourceError
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import ConcurrentChangeError, TransientError
from nephoscope.web.forms.optimistic_lock import FormConflict
from nephoscope.web.visits.request_context import Visit

WRITE, DELETE = "Nephoscope/sources/write", "Nephoscope/sources/delete"
#: Who sets up what is the host's own (its files, its addresses, its identity) must be an owner.
HOST = "Nephoscope/secrets/write"


def apply_form(
    do: Callable[[], str],
    again: Callable[[str], Mapping[str, object] | Response],
    overtaken: Callable[[], FormConflict] | None = None,
) -> Mapping[str, object] | Response:
    """Do what a form asks for and lead to the address that this gives, or fill the page `again` with why not.

    `overtaken` gives what such a page tells where somebody else was quicker.
    """
    try:
        return RedirectResponse(do(), 303)
    except TransientError:
        raise
    except ConcurrentChangeError as error:
        found = again(str(error))
        if overtaken is None or isinstance(found, Response):
            return found
        return {**found, "refused": "", "overtaken": overtaken()}
    except (SourceError, StateError) as error:
        return again(str(error))


def read_requested_act(visit: Visit, *known: str) -> str:
    """Return what a form asks for, the first of the known where it says nothing; StateError for what is none of them."""
    asked = visit.form.get("act", known[0])
    if asked not in known:
        raise StateError(f"unknown action '{asked[:40]}': expected one of {', '.join(known)}")
    return asked


def split_lines(text: str) -> tuple[str, ...]:
    """The words of a field that takes several, separated by commas, blanks or lines."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def parse_number(text: str, what: str) -> float:
    """A number of a field; StateError where it is none."""
    try:
        return float(text)
    except ValueError as error:
        raise StateError(f"{what} must be a number (got '{text[:40]}')") from error
