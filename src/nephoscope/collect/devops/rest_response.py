"""An answer of GitHub, GitLab or Azure DevOps, however it was had: asked for now, or recorded earlier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

OK, NO_CONTENT = 200, 204
#: The status of a request that nobody recorded.
NOT_RECORDED = 0


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """One page: the status, the JSON object (a list stands in its `value`), and the path of the next page ('' = none).

    `message` is the text of a refusal.
    """

    status: int
    body: dict[str, object] = field(default_factory=dict)
    next: str = ""
    message: str = ""

    @property
    def is_granted(self) -> bool:
        """Return whether there is an answer."""
        return self.status in (OK, NO_CONTENT)


class RestAnswers(Protocol):
    """Whoever answers requests."""

    def iterate_pages(self, path: str, service: str, what: str) -> Iterator[RestAnswer]:
        """Answer a path of a service, page by page; `what` names the request in counts."""
        ...


def extract_error_message(body: dict[str, object]) -> str:
    """Give the text of a refusal, '' where a body is none; GitLab writes `error` where its router or its scopes refuse."""
    for name in ("message", "error"):
        message = body.get(name)
        if isinstance(message, str):
            return message[:500]
    return ""
