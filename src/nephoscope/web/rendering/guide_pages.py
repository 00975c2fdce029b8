"""Guide pages: the documentation that is shipped with the server, from Markdown to HTML with addresses of the server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from markupsafe import Markup

import nephoscope
from nephoscope.state import NotFoundError

if TYPE_CHECKING:
    from markdown_it.token import Token

#: Folders and files of the documentation that users read; decisions and architecture are for contributors.
SHIPPED = ("guides", "reference", "start", "glossary.md")
#: The part of the index about guides, and a line of it.
_GUIDES = re.compile(r"^## Guides$(.*?)^## ", re.MULTILINE | re.DOTALL)
_GUIDE = re.compile(r"- \[(?P<title>[^\]]+)\]\((?P<path>guides/[\w-]+\.md)\)(?:: (?P<about>.+))?")
_MORE = re.compile(r"[^\w\- ]")


@cache
def get_guide_folder() -> Path:
    """Return the folder of the documentation: of the package, or of the checkout that it runs from."""
    package = Path(nephoscope.__file__).parent
    return package / "help" if (package / "help").is_dir() else package.parents[1] / "docs"


@dataclass(frozen=True, slots=True)
class GuideLink:
    """A guide as the documentation's index lists it: path below the documentation, title, and what it is about."""

    path: str
    title: str
    about: str


@cache
def group_guides() -> Mapping[str, Sequence[GuideLink]]:
    """Return the guides by area, in the order of the documentation's index."""
    groups: dict[str, list[GuideLink]] = {}
    guides = _GUIDES.search((get_guide_folder() / "index.md").read_text(encoding="utf-8"))
    for line in guides[1].splitlines() if guides else ():
        if line.startswith("### "):
            group = groups.setdefault(line[4:], [])
        elif found := _GUIDE.fullmatch(line):
            group.append(GuideLink(found["path"], found["title"], found["about"] or ""))
    return groups


@cache
def read_guide(name: str) -> tuple[str, Markup]:
    """Return the title and the HTML of a page of the documentation, by its path. Raises NotFoundError."""
    from markdown_it import MarkdownIt

    path = get_guide_folder() / name
    if not re.fullmatch(r"[\w\-/]+\.md", name) or name.partition("/")[0] not in SHIPPED or not path.is_file():
        raise NotFoundError(f"guide {name[:100]!r} not found")
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(path.read_text(encoding="utf-8"))
    for place, one in enumerate(tokens):
        if one.type == "heading_open":
            one.attrSet("id", _build_anchor(tokens[place + 1].content))
        elif one.type in ("th_open", "td_open"):
            one.attrs.pop("style", None)  # the pages take no inline style
        for child in one.children or ():
            _rewrite_address(child, PurePosixPath(name).parent)
    title = next((tokens[place + 1].content for place, one in enumerate(tokens) if one.tag == "h1"), name)
    body = tokens[3:] if tokens and tokens[0].tag == "h1" else tokens
    # the parser escapes every text and takes no HTML
    return title, Markup(_frame_tables(parser.renderer.render(body, parser.options, {})))  # noqa: S704


def _frame_tables(drawn: str) -> str:
    """Let what is wider than the page be scrolled by the keyboard, too."""
    framed = drawn.replace("<table>", '<div class="table-frame" tabindex="0"><table>')
    return framed.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')


def _read_title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()


def _build_anchor(text: str) -> str:
    """Return the anchor of a heading, as Git hosts make it."""
    return _MORE.sub("", text.lower()).strip().replace(" ", "-")


def _rewrite_address(token: Token, folder: PurePosixPath) -> None:
    """Let links between pages lead to the server's own, and pictures be what they show in words."""
    if token.type == "image":
        token.type, token.tag, token.attrs = "text", "", {}
    if token.type == "link_open":
        target = str(token.attrs.get("href", ""))
        path, mark, anchor = target.partition("#")
        if "://" in target or not path:
            return
        name = _normalize_guide_path(folder, path)
        if name.endswith(".md") and name.partition("/")[0] in SHIPPED:
            token.attrs["href"] = f"/help/{name}{mark}{anchor}"
        else:
            del token.attrs["href"]  # what is for contributors is not shipped


def _normalize_guide_path(folder: PurePosixPath, path: str) -> str:
    parts: list[str] = []
    for one in (folder / path).parts:
        if one == "..":
            parts = parts[:-1]
        else:
            parts.append(one)
    return "/".join(parts)
