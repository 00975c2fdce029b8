"""The reference page of the own API."""

from __future__ import annotations

from nephoscope.admin.wire.route import PREFIX, load_sections

_HEAD = """# The server's own API

Generated from the program by `make docs`.

Below `/admin/v1`; the server answers its OpenAPI 3.1 description at `/openapi.json`. Every route needs a bearer token of a caller
whose roles allow its *permission* (at `/`, or at the workspace or scope that it is about; lists of machines and their captures need
it at any part of the estate); what was refused and every change is in the audit. Errors have Azure's shape.
"""


def render_page() -> str:
    """The page."""
    lines = [_HEAD]
    for section in load_sections():
        lines += [
            f"## {section.title}",
            "",
            "| request | permission | body | answer | |",
            "|---|---|---|---|---|",
        ]
        for one in section.routes:
            body = one.body.__name__ if one.body is not None else ""
            answer = one.answer.__name__ if one.answer is not None else ""
            lines.append(
                f"| `{one.method} {PREFIX}{one.path}` | `{one.permission}` | {body} | {one.status} {answer} | {one.doc} |"
            )
        lines.append("")
    return "\n".join(lines)
