"""The reference page of the API: every operation of every surface."""

from __future__ import annotations

from nephoscope.access.roles import ROLES
from nephoscope.api.wire.operation import PUBLIC, load_surfaces

_HEAD = """# The API

Generated from the program by `make docs`.

The server answers Azure's own REST surfaces, so that `az` and the official SDKs work against it. Paths are read in any case
of their letters, any api-version that is a date is taken. `If-Match`, or the etag in a body, that names another state than the
one that is kept is refused. Every operation but the public ones needs a bearer token; it answers what the
roles of the caller that allow its *permission* reach. What nothing here produces yet is answered with 501 and the code
`NotAssessed`.
"""


def render_page() -> str:
    """The page."""
    lines = [_HEAD, "## Roles", "", "| role | what it does |", "|---|---|"]
    lines += [f"| {one.name} | {one.description} |" for one in ROLES]
    for surface in load_surfaces():
        lines += ["", f"## {surface.name}", "", "| operation | request | permission | |", "|---|---|---|---|"]
        for one in surface.operations:
            permission = "public" if one.permission == PUBLIC else f"`{one.permission}`"
            lines.append(f"| {one.name} | `{one.method} {one.template.text}` | {permission} | {one.doc} |")
    return "\n".join(lines) + "\n"
