"""Icons of pages: symbols of the sprite that the build makes of `libraries/icons.txt`."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

from nephoscope.web.static_files import get_static_address


@cache
def draw_icon(name: str, *, small: bool = False) -> Markup:
    """Draw the icon of a name beside a word that says the same."""
    class_, sprite = "icon icon--small" if small else "icon", get_static_address("vendor/icons.svg")
    return Markup('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(class_, sprite, name)
