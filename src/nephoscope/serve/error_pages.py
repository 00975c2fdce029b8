"""Error pages of the front, for browsers while the web process is unavailable."""

from __future__ import annotations

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response

from nephoscope.web.style_sheet import STYLE_SHEET, read_style_sheet

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · nephoscope</title>
<link rel="stylesheet" href="{style}">
</head>
<body class="standalone">
<main class="standalone__panel">
<p class="standalone__brand">nephoscope</p>
<h1>{title}</h1>
<p>{text}</p>
<p><a class="text-link" href="/">To the overview</a></p>
</main>
</body>
</html>
"""


def is_browser_navigation(headers: Headers) -> bool:
    """Return whether what is answered will stand in a window: a browser's navigation, and no call of a program."""
    return "text/html" in headers.get("accept", "").lower() and "authorization" not in headers


def render_error_page(status: int, title: str, text: str, headers: dict[str, str] | None = None) -> Response:
    """A page without a script that says what happened."""
    return HTMLResponse(
        _PAGE.format(title=escape(title), text=escape(text), style=STYLE_SHEET), status, headers
    )


def serve_style_sheet() -> Response:
    """The style sheet of all pages."""
    return Response(read_style_sheet(), media_type="text/css")
