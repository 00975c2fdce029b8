"""Icons of pages: symbols of the sprite that the build makes of `libraries/icons.txt`."""

from __future__ import annotations

from markupsafe import Markup

from nephoscope.web.static_files import static_address

_ICON = Markup('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>')


def icon(name: str, *, small: bool = False) -> Markup:
    """Draw the icon of a name beside a word that says the same."""
    return _ICON.format("icon icon--small" if small else "icon", static_address("vendor/icons.svg"), name)
