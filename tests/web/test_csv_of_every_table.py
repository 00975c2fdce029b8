"""Every table that a page shows is a file too: one that is not is named here with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import nephoscope.web

#: Template, heading of the card -> why what is a table there is no file.
NO_FILE = {
    ("log_source_new.html", ""): "a menu: the kinds of sources to choose from",
    ("design.html", "Table"): "a sample of the component",
    ("forms.html", ""): "what a role must allow is in the script and the Bicep file that grant it",
    ("tenant.html", "Required permissions"): "as above",
    ("tenant_new.html", "Required permissions"): "as above",
    ("parts.html", ""): "pieces of tables: the cards that they stand in have the files",
    ("response_orders.html", ""): "a piece of tables: the page of the machine has the file",
    ("lists.html", ""): "a piece of the component: its pager has the file",
    (
        "chart.html",
        "",
    ): "a chart's numbers beside its slices and bars are rows of the result below, which is a file",
}
#: A link of the head of the page is of the only kind of table on it.
ONE_FILE = {"standard.html": "Evidence as CSV"}
TEMPLATES = Path(nephoscope.web.__file__).parent / "templates"
_TABLE = re.compile(r"<table|parts\.ranked\(|parts\.health\(|forms\.granting\(")
_FILE = re.compile(r"csv\(|format='csv'|pager\(")


@dataclass
class Card:
    """A section of a page with its heading, its tables and the addresses of files that it links to."""

    heading: str = ""
    tables: int = 0
    files: list[str] = field(default_factory=list)


class Cards(HTMLParser):
    """Collects the innermost sections of a page; what stands in none belongs to the page itself."""

    def __init__(self) -> None:
        super().__init__()
        self.all, self._open, self._heading = [Card()], [], False
        self._open.append(self.all[0])

    def handle_starttag(self, tag, attrs):
        if tag == "section":
            self._open.append(Card())
            self.all.append(self._open[-1])
        elif tag == "table":
            self._open[-1].tables += 1
        elif tag == "a" and "format=csv" in (dict(attrs).get("href") or ""):
            self._open[-1].files.append(dict(attrs)["href"])
        self._heading = tag == "h2" and not self._open[-1].heading

    def handle_endtag(self, tag):
        if tag == "section":
            self._open.pop()

    def handle_data(self, data):
        if self._heading:
            self._open[-1].heading = data.strip()
            self._heading = False


def cards(text: str) -> list[Card]:
    found = Cards()
    found.feed(text)
    return found.all


def excepted(address: str, card: Card) -> bool:
    """Whether a card is one of those that are named with a reason."""
    page = address.partition("?")[0]
    named = {heading for template, heading in NO_FILE if template.startswith(("tenant", "log_source"))}
    return (
        page == "/design"
        or page.startswith("/help/")
        or (page.startswith("/sources/") and card.heading in named)
    )


def test_every_table_of_a_template_has_a_file():
    """Also those that are there only with data of a kind."""
    lacking, used = [], set()
    for path in sorted(TEMPLATES.glob("*.html")):
        text = path.read_text()
        for part in re.split(r"(?=<section)|</section>", text):
            heading = re.search(r"<h2>([^<{]*)", part)
            key = path.name, heading[1].strip() if heading else ""
            if len(_TABLE.findall(part)) <= len(_FILE.findall(part)) or ONE_FILE.get(path.name, "\0") in text:
                continue
            if key in NO_FILE:
                used.add(key)
            else:
                lacking.append(key)
    assert not lacking
    assert used == set(NO_FILE)
