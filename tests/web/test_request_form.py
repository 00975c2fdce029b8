"""Forms of operations: fields and their values follow the Shape, and what was sent becomes the request or a sentence about a field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pytest
from msgspec import UNSET, UnsetType

from nephoscope.operations.declaration.discovery import load_operation_groups
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape
from nephoscope.operations.workspaces import NewWorkspace, WorkspaceChange
from nephoscope.state import StateError
from nephoscope.web.forms.request_form import build_form_fields, read_request


class Sent(Shape, frozen=True, kw_only=True):
    """A field of every kind."""

    title: Annotated[str, describe("A title.", label="Title of it", pattern=PLAIN, max_length=9)]
    most: Annotated[int, describe("At most.", ge=1, le=9)] = 3
    share: Annotated[float, describe("Which part.", ge=0)] = 0.5
    forced: bool = False
    level: Literal["low", "high"] = "low"
    labels: tuple[str, ...] = ()
    until: datetime | None = None
    pass_word: Annotated[str, describe("A password.", secret=True)] = ""
    document: Annotated[str, describe("A document with passwords.", block=True, secret=True)] = ""


def test_fields_follow_the_shape() -> None:
    drawn = {one.name: one for one in build_form_fields(Sent, {}, choices={"labels": {"a": "an A"}})}
    assert {name: one.kind for name, one in drawn.items()} == {
        "title": "text", "most": "number", "share": "number", "forced": "tick", "level": "choice", "labels": "choice",
        "until": "time", "pass_word": "secret", "document": "block",
    }  # fmt: skip
    assert (drawn["title"].label, drawn["title"].help, drawn["title"].required) == (
        "Title of it",
        "A title.",
        True,
    )
    assert (drawn["most"].value, drawn["share"].value, drawn["level"].value) == ("3", "0.5", "low")
    assert drawn["level"].choices == (("low", "low"), ("high", "high"))
    assert drawn["labels"].choices == (("a", "an A"),)


def test_fields_show_what_is_changed_or_was_typed_but_no_secret() -> None:
    before = Sent(
        title="old", forced=True, labels=("a", "b"), until=datetime(2026, 11, 1, tzinfo=UTC), pass_word="kept", document="key=kept"
    )  # fmt: skip
    shown = {one.name: one.value for one in build_form_fields(Sent, {}, before)}
    assert shown == {
        "title": "old", "most": "3", "share": "0.5", "forced": "1", "level": "low", "labels": "a\nb", "until": "2026-11-01T00:00",
        "pass_word": "", "document": "",
    }  # fmt: skip
    sent = {"title": "new", "pass_word": "typed", "document": "key=typed"}
    typed = {one.name: one.value for one in build_form_fields(Sent, sent, before)}
    assert (typed["title"], typed["forced"], typed["pass_word"], typed["document"]) == ("new", "", "", "")


@pytest.mark.parametrize(
    ("shape", "form", "expected"),
    [
        (Sent, {"title": " t "}, Sent(title="t")),
        (
            Sent,
            {
                "title": "t", "most": "9", "share": "0.25", "forced": "1", "level": "high", "labels": "a\r\n\n b ",
                "until": "2026-11-01T12:30", "pass_word": " kept ",
            },
            Sent(
                title="t", most=9, share=0.25, forced=True, level="high", labels=("a", "b"),
                until=datetime(2026, 11, 1, 12, 30, tzinfo=UTC), pass_word=" kept ",
            ),
        ),
        (WorkspaceChange, {"days": "30"}, WorkspaceChange(days=30)),
        (WorkspaceChange, {"days": "", "members": "", "description": ""}, WorkspaceChange(members=None, description="")),
        (WorkspaceChange, {"members": "A\nB"}, WorkspaceChange(members=("A", "B"))),
        (NewWorkspace, {"name": "soc", "days": "", "members": ""}, NewWorkspace(name="soc")),
    ],
)  # fmt: skip
def test_a_form_becomes_the_request(shape: Any, form: dict[str, str], expected: object) -> None:
    assert read_request(shape, form) == expected


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "Title of it is required"),
        ({"title": "t\x07t"}, "Title of it: has characters that are not allowed here"),
        ({"title": "t" * 10}, "Title of it: expected `str` of length <= 9"),
        ({"title": "t", "most": "ten"}, "Most: must be a whole number (got 'ten')"),
        ({"title": "t", "most": "10"}, "Most: must be 1 to 9 (got 10)"),
        ({"title": "t", "share": "-1"}, "Share: must be at least 0 (got -1)"),
        ({"title": "t", "share": "nan"}, "Share: must be at least 0 (got nan)"),
        ({"title": "t", "level": "middle"}, "Level: invalid enum value 'middle'"),
        (
            {"title": "t", "until": "soon"},
            "Until: must be a date such as 2026-12-31 or a time in UTC (got 'soon')",
        ),
    ],
)
def test_what_cannot_be_taken_names_the_field(form: dict[str, str], told: str) -> None:
    with pytest.raises(StateError) as refused:
        read_request(Sent, form)
    assert str(refused.value) == told


class Left(Shape, frozen=True, kw_only=True):
    """Changes."""

    enabled: bool | UnsetType = UNSET


def test_a_tick_that_was_taken_away_is_said() -> None:
    assert read_request(Left, {}) == Left(enabled=False)


@pytest.mark.parametrize("file", load_operation_groups())
def test_every_operation_has_a_form(file: str) -> None:
    for one in load_operation_groups()[file].operations:
        if one.request[1] is not None:
            drawn = build_form_fields(one.request[1], {})
            assert all(each.label for each in drawn)
