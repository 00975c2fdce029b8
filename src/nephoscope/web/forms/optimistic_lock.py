"""Optimistic lock of forms: an ETag of the state that a form was rendered from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from nephoscope.state.database.etag import parse_etag, to_etag
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.incidents.incidents import IncidentAction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.web.visits.request_context import Visit

#: What a form asked for -> how that is told of; what is not here changes nothing that a form shows.
_WORDS = {"pause": "paused it", "go-on": "resumed it", "change": "changed it", "": "changed it"}


@dataclass(frozen=True, slots=True)
class FormConflict:
    """Conflict of a form with later changes: the actions since it was rendered, and the fields that differ from those typed."""

    changes: Sequence[IncidentAction]
    differs: Sequence[tuple[str, str]] = ()


def compute_form_digest(visit: Visit, what: object) -> str:
    """Return what the form of something carries."""
    return f"{_compute_digest(what)}.{to_etag(visit.instance.now)}"


@contextmanager
def require_unchanged_state(visit: Visit, read: Callable[[], object]) -> Iterator[None]:
    """Let the first change within the block be made only where `read` gives, before it, what the form was drawn of.

    ConcurrentChangeError else. Forms that are sent to one path wait for each other.
    """
    state, path = visit.instance.state, visit.request.url.path

    def look() -> None:
        if _compute_digest(read()) != visit.form.get("etag", "").partition(".")[0]:
            raise ConcurrentChangeError("it was changed by someone else: check its current state")

    def check(session: Session) -> None:
        state.database.queue(session, f"form {path}")
        look()

    look()  # before anything else is said of what was typed
    with state.change_only_if(check):
        yield


def describe_concurrent_changes(
    visit: Visit, target: str, now: Mapping[str, str] | None = None
) -> FormConflict:
    """Return what the audit tells of a target since the form was drawn; `now` has the values of its fields."""
    since = parse_etag(visit.form.get("etag", "").partition(".")[2])
    entries = visit.instance.state.audit.list_entries_about(target, since) if since is not None else []
    done = [(one, _WORDS.get(str(one.detail.get("act", "")))) for one in entries]
    changes = [
        IncidentAction(one.moment, one.author, "deleted it" if one.operation.endswith("/delete") else words)
        for one, words in done
        if words is not None
    ]
    typed = visit.form
    differs = [
        (name, value)
        for name, value in (now or {}).items()
        if name in typed and typed[name].split() != value.split()
    ]
    return FormConflict(changes, differs)


def _compute_digest(what: object) -> str:
    text = msgspec.json.encode(what, order="deterministic")
    return hashlib.blake2b(text, digest_size=12).hexdigest()
