"""Every page, found by scanning the folder `pages`, and the navigation over them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import nephoscope.web.pages as package
from nephoscope.web.visits.page import Page, PageArea


@cache
def list_pages() -> tuple[Page, ...]:
    """Every page, in the order of the navigation."""
    found: list[Page] = []
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found.extend(getattr(module, "PAGES", ()) or (module.PAGE,))
    return tuple(sorted(found, key=lambda one: (list(PageArea).index(one.area), one.order, one.title)))


@cache
def build_navigation() -> list[tuple[str, list[Page]]]:
    """Return the parts of the navigation, each with its pages."""
    areas = [one for one in PageArea if one is not PageArea.HIDDEN]
    return [
        (area.value, found)
        for area in areas
        if (found := [page for page in list_pages() if page.area is area])
    ]


@cache
def find_entry(path: str) -> str:
    """Return the path of the entry of the navigation that the path of a page is below, the nearest; '' where it is below none."""
    paths = [one.path for _, several in build_navigation() for one in several]
    below = [one for one in paths if path == one or (one != "/" and path.startswith(f"{one}/"))]
    return max(below, key=len, default="")
