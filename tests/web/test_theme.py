"""The color scheme that a visitor chooses, the style sheet that browsers keep, and the icons beside the navigation."""

from __future__ import annotations

import re
from pathlib import Path

import nephoscope.web as package
from nephoscope.web.all_pages import build_navigation
from nephoscope.web.rendering.entity_names import ENTITY_ICONS
from nephoscope.web.static_files import get_static_address
from nephoscope.web.style_sheet import get_style_address, read_style_sheet
from nephoscope.web.visits.theme_cookie import COOKIE

WEB = Path(package.__file__).parent
OWN = {"Sec-Fetch-Site": "same-origin"}


def choose(client, theme: str, address: str = "/rules"):
    return client.post("/theme", data={"theme": theme, "next": address}, headers=OWN, follow_redirects=False)


def shown(client, theme: str) -> str:
    """A page as a browser gets it that sends the cookie; the client of the tests sends its session by a header of its own."""
    sent = f"{client.headers['cookie']}; {COOKIE}={theme}"
    return client.get("/rules", headers={"cookie": sent}).text


def test_the_system_decides_until_somebody_chooses(owner):
    assert "data-theme" not in owner.get("/rules").text
    answer = choose(owner, "dark", "/rules?span=30d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules?span=30d")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert f"{COOKIE}=dark" in answer.headers["set-cookie"]
    assert ' data-theme="dark"' in shown(owner, "dark")
    assert f'{COOKIE}=""' in choose(owner, "").headers["set-cookie"]


def test_nobody_is_led_elsewhere_and_nothing_else_is_kept(owner):
    assert choose(owner, "light", "//elsewhere.example/").headers["location"] == "/"
    assert f'{COOKIE}=""' in choose(owner, '"><script>').headers["set-cookie"]
    assert "data-theme" not in shown(owner, "purple")


def test_a_form_of_another_site_chooses_nothing(owner):
    answer = owner.post("/theme", data={"theme": "dark"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_browser_keeps_the_style_sheet_of_its_address(owner):
    assert get_style_address() in owner.get("/rules").text
    kept = owner.get(get_style_address())
    assert kept.content == read_style_sheet()
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert owner.get("/static/nephoscope.css").headers["cache-control"] == "no-cache"


def test_a_browser_keeps_scripts_fonts_and_icons_of_their_release_alone(owner):
    page = owner.get("/rules").text
    for name in ("page.js", "vendor/htmx.js", "vendor/inter.woff2", "vendor/icons.svg", "icon.svg"):
        assert get_static_address(name) in page, name
        kept = owner.get(get_static_address(name))
        assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
        for path in (f"/static/{name}", f"/static/{'0' * 16}/{name}"):
            other = owner.get(path)
            assert (other.content, other.headers["cache-control"]) == (kept.content, "no-cache"), path
            assert owner.get(path, headers={"If-None-Match": other.headers["etag"]}).status_code == 304
    assert not re.search(r'(?:src|href)="/static/(?![0-9a-f]{16}/)', page)


def test_every_icon_that_pages_name_is_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (WEB / "static" / "vendor" / "icons.svg").read_text()))
    used = {page.icon for _, pages in build_navigation() for page in pages}
    for file in WEB.glob("templates/*.html"):
        used |= set(re.findall(r'\bicon\("([^"]+)"', file.read_text(encoding="utf-8")))
    used |= ENTITY_ICONS
    assert used == sprite
