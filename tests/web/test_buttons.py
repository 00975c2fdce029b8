"""Forms with several buttons: Enter presses the first, so that one must be what people mean, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from tests.web.conftest import HERE, NOON
from tests.web.sending import tick

from nephoscope.state.incidents.incidents import Incident, IncidentStatus

#: Fields in which Enter sends their form.
SENDING = frozenset({"text", "search", "password", "checkbox", "radio", "date", "number", "file"})
#: Path of a page -> the act of the form that Enter does there, where the form has several.
MEANT = {"/incidents": "close", "/sources/tenants/new": ""}
TRUE = "TruePositive/SuspiciousActivity"


@dataclass
class Form:
    """A form of a page: whether Enter sends it, and its buttons: act, '' = none, '-' = one that sends nothing."""

    sends: bool = False
    buttons: list[str] = field(default_factory=list)


class Forms(HTMLParser):
    """Collects the forms of a page that change something."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self._open = Form() if given.get("method", "").lower() == "post" else None
            self.all += [self._open] if self._open else []
        elif self._open and tag == "input":
            self._open.sends |= given.get("type", "text") in SENDING
        elif self._open and tag == "button" and given.get("type", "submit") == "submit":
            self._open.buttons.append("-" if given.get("formmethod") == "dialog" else given.get("value", ""))

    def handle_endtag(self, tag):
        self._open = None if tag == "form" else self._open


def forms(page: str) -> list[Form]:
    found = Forms()
    found.feed(page)
    return found.all


def faults(path: str, page: str) -> list[str]:
    """Forms in which Enter does the first of several acts by accident."""
    return [
        f"{path}: Enter does '{one.buttons[0]}', the first of {', '.join(one.buttons)}"
        for one in forms(page)
        if one.sends and len(one.buttons) > 1 and one.buttons[0] not in ("-", MEANT.get(path))
    ]


def test_the_check_finds_what_it_is_for():
    buttons = '<button type="submit" value="take"></button><button value="close"></button>'
    bar = f'<form method="post"><input type="checkbox">{buttons}</form>'
    assert faults("/x", bar) == ["/x: Enter does 'take', the first of take, close"]
    assert faults("/x", bar.replace('">', '"><button type="submit" formmethod="dialog"></button>', 1)) == []


@pytest.fixture
def numbers(instance):
    with instance.state.transaction() as session:
        made = Incident("default", "Bulk", "", "Low", NOON, NOON, NOON, NOON)
        return [instance.state.incidents.put(session, made).number for _ in "ab"]


@pytest.mark.parametrize(
    ("form", "button"),
    [
        ({"act": "take", "remark": "a <test> of ours"}, "Close"),
        ({"act": "reopen", "remark": "a <test> of ours"}, "Close"),
        ({"act": "assign", "owner": "", "remark": "a <test> of ours"}, "Close"),
        ({"act": "take", "classification": TRUE}, "Close"),
        ({"act": "close", "classification": TRUE, "owner": "grace"}, "Assign"),
    ],
)
def test_what_is_typed_is_never_dropped(instance, owner, numbers, form, button):
    page = owner.get("/incidents?span=90d").text
    ticks = [tick(page, "incident", one) for one in numbers]
    told = owner.post("/incidents?span=90d", data={**form, "incident": ticks}, headers=HERE)
    assert told.status_code == 400
    assert f"which only &#39;{button}&#39; uses" in told.text
    assert told.text.count('aria-label="Bulk"') >= 2
    assert told.text.count(" checked></td>") == 2
    if form.get("remark"):
        assert 'value="a &lt;test&gt; of ours"' in told.text
    assert {instance.state.incidents.get(one).status for one in numbers} == {IncidentStatus.NEW}


def test_closing_keeps_what_was_typed(instance, owner, numbers):
    page = owner.get("/incidents?span=90d").text
    form = {"act": "close", "classification": TRUE, "remark": "a test of ours", "owner": ""}
    ticks = [tick(page, "incident", one) for one in numbers]
    assert (
        owner.post("/incidents?span=90d", data={**form, "incident": ticks}, headers=HERE).status_code == 303
    )
    assert "a test of ours" in owner.get(f"/incidents/{numbers[0]}").text
