"""A page: where it is, what it is called, who may see it, and the function that fills its template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.web.visits.request_context import Visit


class PageArea(StrEnum):
    """The parts of the navigation, in their order; HIDDEN pages are reached from others."""

    TOP = ""
    POSTURE = "Posture"
    DETECTION = "Detection"
    IDENTITY = "Identity"
    PROTECTION = "Protection"
    ESTATE = "Estate"
    HIDDEN = "-"


#: The permission of a page that is for whoever is signed in.
EVERYBODY = ""
#: What a page says of a scope where none can narrow it.
SAME = "The selected scope ({}) does not affect this page."
#: Fills a template with what it returns, or answers itself.
Filled = Callable[["Visit"], "Mapping[str, object] | Response"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page. `permission` is the role operation that it needs, EVERYBODY none; `methods` are GET, and POST where its forms
    come back to it.

    `count` gives the number beside its name in the navigation (None = no number). A page that is open `anywhere` is about
    no part of the estate: the permission is wanted at a workspace, and the page asks for it there. One of the whole `tenant` wants it
    everywhere: what it shows is not divided. A page that `allows_part` is also for who has the permission at a part of
    the estate: it shows what is about that. One about `repositories` wants it in any of them, and shows those.
    An `edited` page has the query editor, whose styles its policy lets in. A page without a template answers itself. What fills a
    template with a text `refused` took nothing of what was sent: the page shows why, with status 400.
    `most` is how many bytes a file may have that is sent to it (0 = it takes none). `under_scope` says what the page shows of a scope
    that is chosen, named by `{}` in it ('' = that of the estate which lies in the scope, as people expect).
    A `timed` page shows what was in the time range that the address chooses; only there one can be chosen.
    `queries` says whether a visit runs queries over logs or the estate: these take their turn among the queries of the visitor.
    `ahead` makes what the page shows of a reach and an edition keeps, so that nobody who asks first waits for it.
    """

    path: str
    title: str
    template: str
    permission: str
    filled: Filled
    area: PageArea = PageArea.HIDDEN
    order: int = 50
    methods: tuple[str, ...] = ("GET",)
    count: Callable[[Visit], int | None] | None = None
    anywhere: bool = False
    tenant: bool = False
    allows_part: bool = False
    repositories: bool = False
    edited: bool = False
    most: int = 0
    under_scope: str = ""
    timed: bool = False
    ahead: Callable[[PublishedSnapshot, Reach], object] | None = None
    queries: Callable[[Visit], bool] | None = None

    @property
    def icon(self) -> str:
        """The icon of the page in the navigation, named by its path (`libraries/icons.txt`)."""
        return self.path.strip("/") or "overview"
