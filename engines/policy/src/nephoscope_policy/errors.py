"""Errors of a policy document, with their places."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nephoscope_policy.model.source_location import Place

Stage = Literal["parse", "compile"]


class PolicyError(ValueError):
    """A policy document, or the parameters given to it, cannot be used.

    `message` says what is wrong and what to do, `path` is the JSON path inside the document ("$" = the whole document),
    `stage` is 'parse' (not the language's grammar) or 'compile' (aliases, functions, parameters), `place` the file where
    it is known, `others` further errors of the same document.
    """

    def __init__(
        self,
        message: str,
        path: str = "$",
        stage: Stage = "parse",
        place: Place | None = None,
        others: Sequence[PolicyError] = (),
    ) -> None:
        super().__init__(message, path, stage)
        self.message = message
        self.path = path or "$"
        self.stage: Stage = stage
        self.place = place
        self.others = tuple(others)

    def __str__(self) -> str:
        where = f"{self.place.file}: " if self.place else ""
        inside = "" if self.path == "$" else f"{self.path}: "
        return f"{where}{inside}{self.message}"

    @property
    def all(self) -> tuple[PolicyError, ...]:
        """Return this error and the others of the same document, in document order."""
        return (self, *self.others)


def suggest_word(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for a word close to a known one, '' otherwise."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.7)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""


def raise_first_error(errors: Sequence[PolicyError], place: Place | None = None) -> None:
    """Raise the first of the errors with the others attached; nothing happens when there is none."""
    if not errors:
        return
    first = errors[0]
    raise PolicyError(first.message, first.path, first.stage, place, errors[1:])
