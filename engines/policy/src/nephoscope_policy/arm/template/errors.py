"""Problems of a template, with their places."""

from __future__ import annotations

import msgspec

from nephoscope_policy.model.source_location import Place


class TemplateProblem(msgspec.Struct, frozen=True):
    """Something that keeps a template or a part of it from being expanded: its place, and what is wrong and what to do.

    `error` is False where nothing is wrong with the template. `unread`: what a part of it deploys is not
    known, such as a remote template.
    """

    place: Place
    message: str
    error: bool = True
    unread: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class TemplateError(ValueError):
    """A document that cannot be used at all; `problem` says where and why."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.problem = TemplateProblem(place, message)
