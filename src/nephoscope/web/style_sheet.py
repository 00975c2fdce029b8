"""The style sheet of all pages: one file a component in `static/styles`, served as one."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from nephoscope.web.static_files import get_static_address

#: Where it is found without a hash. The address of the fonts in it is relative to this.
STYLE_SHEET = "/static/nephoscope.css"


@cache
def read_style_sheet() -> bytes:
    """Read all components, in the order of their names: fonts, tokens, elements and text have numbers and come first."""
    folder = files("nephoscope.web").joinpath("static", "styles")
    parts = sorted((one for one in folder.iterdir() if one.name.endswith(".css")), key=lambda one: one.name)
    return b"\n".join(one.read_bytes() for one in parts)


def get_style_address() -> str:
    """Return the address at which a browser may keep it."""
    return get_static_address(STYLE_SHEET.rpartition("/")[2])
