"""The reference page of the API: every operation of every surface."""

from __future__ import annotations

from nephoscope.access.roles import ROLES
from nephoscope.api.wire.operation import PUBLIC, load_surfaces

_HEAD = """# The API

Generated from the program by `make docs`.

The server answers Azure's own REST surfaces, so that `az` and the official SDKs work against it. Paths are case-insensitive,
and every api-version that is a date is accepted. A request is refused if its `If-Match`, or the etag in its body, does not
match the stored version. Every operation except the public ones needs a bearer token. The answer contains the objects in reach
of the caller's roles that allow its *permission*. An operation whose data nothing on this server produces answers 501 with the
code `NotAssessed`.
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
