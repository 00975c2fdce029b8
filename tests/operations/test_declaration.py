"""What an operation declares is what its command, its route and a form of it have: a table of fields, and every operation there is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import msgspec
import pytest
from click.testing import CliRunner
from msgspec import UNSET, UnsetType

from nephoscope.admin.wire.route import list_routes
from nephoscope.cli.session.operation_commands import build_command
from nephoscope.operations.declaration.discovery import load_operation_groups
from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import FieldKind, describe, request_fields
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.state import StateError

TRIED = OperationGroup("tried", "Tried", "A thing", "Try things.")


class Everything(Shape, frozen=True, kw_only=True):
    """A field of every kind."""

    target: Annotated[Text, describe("What it is about.", argument=True)]
    owner: Annotated[Text, describe("Who has it.", metavar="NAME", label="Owner of it")] = ""
    most: Annotated[int, describe("At most.", ge=1, le=9)] = 3
    share: Annotated[float, describe("Which part.", ge=0, le=1)] | None = None
    forced: Annotated[bool, describe("Do it anyway.")] = False
    level: Annotated[Literal["low", "high"], describe("How much.")] = "low"
    labels: Annotated[tuple[Text, ...], describe("Labels.", option="--label")] = ()
    until: Annotated[datetime, describe("Until when.")] | None = None
    inner: Annotated[str, describe("The API's alone.", option="")] = "kept"


class Reasoned(Shape, frozen=True, kw_only=True):
    """A field that must be given."""

    reason: Annotated[Text, describe("Why.")]


class Change(Shape, frozen=True, kw_only=True):
    """What is to change."""

    days: Annotated[int, describe("Days.", ge=1)] | UnsetType = UNSET
    tables: (
        Annotated[tuple[Text, ...], describe("Tables.", option="--table", none=("--every-table", "Every."))] | UnsetType | None
    ) = UNSET  # fmt: skip


class Outcome(Shape, frozen=True, kw_only=True):
    """What was taken."""

    value: tuple[Everything, ...]


@TRIED.operation(
    "x/read", command=CommandLine("list", columns=("target", "owner", "labels"), nothing="none at all")
)
def everything(call: OperationCall, body: Everything) -> Outcome:
    """List what was given."""
    return Outcome(value=() if body.target == "nothing" else (body,))


@TRIED.operation("x/write", command=CommandLine("set", lambda given: f"{given}"))
def change(call: OperationCall, name: Text, body: Change) -> str:
    """Change a thing."""
    if name == "refused":
        with translate_errors("name", ValueError):
            raise ValueError("it is refused")
    if name == "missing":
        raise StateError("there is none")
    return f"{name}: {body.days} {body.tables}"


@TRIED.operation(
    "x/write",
    command=CommandLine("end", "{name}: {reason}", failed=lambda _: True, notes=lambda _: ["beside"]),
)
def end(call: OperationCall, name: Text, body: Reasoned) -> None:
    """End a thing."""


class Where(Shape, frozen=True, kw_only=True):
    """Where something is reached."""

    host: Annotated[Text, describe("Host.")] | UnsetType = UNSET
    sure: Annotated[bool, describe("Verify it.", option="--sure/--unsure")] | UnsetType = UNSET


class Words(Shape, frozen=True, kw_only=True):
    """Secrets by name."""

    password: str = ""
    key: str = ""


class Connected(Shape, frozen=True, kw_only=True):
    """A thing with a request within it, and what is at a place or in a file."""

    where: Where = Where()
    settings: Annotated[dict[str, str], describe("Settings.", option="--set")] = msgspec.field(
        default_factory=dict
    )
    code: Annotated[str, describe("A code.", secret=True)] = ""
    words: Annotated[Words, describe("Secrets.", option="--secret", secret=True)] = Words()
    text: Annotated[str, describe("A text.", option="--from", block=True)] = ""


def _check_connected(body: Connected) -> None:
    if "no" in body.settings:
        raise RefusedRequestError("no is no setting", "settings")


@TRIED.operation(
    "x/write",
    command=CommandLine(
        "connect", lambda told: told, check=_check_connected, prompts=lambda body: {"key"} if body.where.host == "asks" else (),
        follow=lambda call, made, given: f"{made} {given['name']} {call.state.workspaces.names()[0]}",
        explain=lambda error: f"{error.target}: {error}",
    ),
)  # fmt: skip
def connect(call: OperationCall, name: Text, body: Connected) -> str:
    """Connect a thing."""
    secrets = f"{body.words.password}/{body.words.key}"
    return f"{body.where.host} {body.where.sure} {body.settings} {body.code} {secrets} {body.text}"


def run(tmp_path: Path, *words: str) -> Any:
    return CliRunner().invoke(build_command(TRIED), words, obj=tmp_path / "data")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("target", {"kind": FieldKind.TEXT, "argument": True, "required": True}),
        ("owner", {"label": "Owner of it", "option": "--owner", "metavar": "NAME", "default": None}),
        ("most", {"kind": FieldKind.WHOLE, "least": 1, "most": 9, "default": 3, "help": "At most."}),
        ("share", {"kind": FieldKind.NUMBER, "least": 0, "most": 1, "required": False, "change": False}),
        ("forced", {"kind": FieldKind.YES_NO, "label": "Forced"}),
        ("level", {"kind": FieldKind.CHOICE, "choices": ("low", "high"), "default": "low"}),
        ("labels", {"kind": FieldKind.LIST, "option": "--label"}),
        ("until", {"kind": FieldKind.TIME}),
        ("inner", {"option": ""}),
        ("days", {"change": True, "default": None}),
        ("tables", {"change": True, "none_option": "--every-table", "none_help": "Every."}),
    ],
)
def test_a_field_says_what_it_declares(name: str, expected: dict[str, Any]) -> None:
    (found,) = (one for one in (*request_fields(Everything), *request_fields(Change)) if one.name == name)
    assert {key: getattr(found, key) for key in expected} == expected


def test_options_become_the_request(tmp_path: Path) -> None:
    words = (
        "--owner", "kim", "--most", "9", "--share", "0.5", "--forced", "--level", "HIGH", "--label", "a", "--label", "b",
        "--until", "2026-11-01", "-o", "json",
    )  # fmt: skip
    seen: list[Everything] = []
    wrapped = OperationGroup("seen", "Seen", "A thing", "See.")

    @wrapped.operation("x", command=CommandLine("list"))
    def see(call: OperationCall, body: Everything) -> None:
        """See it."""
        seen.append(body)

    done = CliRunner().invoke(build_command(wrapped), ["list", "t", *words[:-2]], obj=tmp_path / "data")
    assert done.exit_code == 0, done.output
    assert seen == [
        Everything(
            target="t", owner="kim", most=9, share=0.5, forced=True, level="high", labels=("a", "b"),
            until=datetime(2026, 11, 1, tzinfo=UTC), inner="kept",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("list", "t", "-o", "csv"), 0, "target,owner,labels\nt,,\n"),
        (("list", "nothing"), 0, "nephoscope: none at all\n"),
        (("list", "t", "--most", "10"), 2, "10 is not in the range 1<=x<=9"),
        (("list", "t", "--level", "no"), 2, "is not one of 'low', 'high'"),
        (("list",), 2, "Missing argument 'TARGET'"),
        (("list", "t", "--inner", "x"), 2, "No such option"),
        (("set", "a", "--days", "2"), 0, "a: 2 UNSET\n"),
        (("set", "a", "--table", "T"), 0, "a: UNSET ('T',)\n"),
        (("set", "a", "--every-table"), 0, "a: UNSET None\n"),
        (("set", "a"), 2, "nothing to change: use --days or --table"),
        (
            ("set", "a", "--table", "T", "--every-table"),
            2,
            "--table and --every-table are mutually exclusive",
        ),
        (("end", "a"), 2, "Missing option '--reason'"),
        (("end", "a", "--reason", "old"), 1, "a: old\nnephoscope: beside\n"),
        (("set", "refused", "--days", "2"), 2, "nephoscope: it is refused\n"),
        (("set", "missing", "--days", "2"), 2, "nephoscope: there is none\n"),
    ],
)
def test_a_command_does_and_says(tmp_path: Path, words: tuple[str, ...], code: int, expected: str) -> None:
    done = run(tmp_path, *words)
    assert (done.exit_code, expected in done.output) == (code, True), done.output


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        ((), 0, "UNSET UNSET {}  /  a default\n"),
        (("--host", "h", "--unsure"), 0, "h False {}  /  a default\n"),
        (("--set", "x=1", "--set", "y=a=b"), 0, "{'x': '1', 'y': 'a=b'}"),
        (("--set", "x"), 2, "--set x: must be NAME=VALUE"),
        (("--set", "no=1"), 2, "nephoscope: settings: no is no setting\n"),
        (("--code", "env:WORD"), 0, " of the place /"),
        (("--code", "word"), 2, "--code must be env:VARIABLE or file:PATH, never the secret itself"),
        (("--secret", "password=file:{file}", "--secret", "key=env:WORD"), 0, "in a file/of the place"),
        (("--secret", "other=env:WORD"), 2, "--secret must be one of password, key (got other)"),
        (("--host", "asks"), 0, " /typed "),
        (("--from", "{file}"), 0, "in a file a default"),
        (("--from", "{file}x"), 2, "does not exist"),
    ],
)
def test_a_request_within_is_options_and_secrets_are_at_their_place(
    tmp_path: Path, words: tuple[str, ...], code: int, expected: str
) -> None:
    file = tmp_path / "file"
    file.write_text("in a file")
    given = [one.format(file=file) for one in words]
    done = CliRunner().invoke(
        build_command(TRIED), ["connect", "a", *given], obj=tmp_path / "data", input="typed\n", env={"WORD": "of the place"}
    )  # fmt: skip
    assert (done.exit_code, expected in done.output) == (code, True), done.output
    if "no=1" in words:
        assert not (tmp_path / "data").exists(), "it was refused before anything is opened"


@pytest.mark.parametrize(
    ("content", "expected"), [(b"\xff\xfe{", "not UTF-8 text"), (b" " * ((4 << 20) + 1), "larger than 4 MiB")]
)  # fmt: skip
def test_a_file_that_is_no_text_is_a_usage_error(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    done = CliRunner().invoke(
        build_command(TRIED), ["connect", "a", "--from", str(file)], obj=tmp_path / "data"
    )
    assert (done.exit_code, f"--from {file}: {expected}" in done.output) == (2, True), done.output


def test_what_is_refused_names_its_field() -> None:
    with pytest.raises(RefusedRequestError, match="no") as raised, translate_errors("settings", ValueError):
        raise ValueError("no")
    assert raised.value.target == "settings"


@pytest.mark.parametrize("file", load_operation_groups())
def test_every_operation_is_offered_and_says_what_it_does(file: str) -> None:
    group = load_operation_groups()[file]
    known = {(one.method, one.path) for one in list_routes()}
    assert group.operations
    for one in group.operations:
        assert one.doc.endswith("."), one.function
        assert one.api or one.command or one.page, one.function
        assert one.api is None or (one.api.method, one.api.path) in known
        fields = request_fields(one.request[1]) if one.request[1] else ()
        if one.command is not None and not one.command.columns:
            assert [each.name for each in fields if each.option and not each.help] == []
        # a server does not read the path that a client names
        assert (one.api is None and one.page is None) or not any(each.path for each in fields), one.function
    if group.help:
        assert isinstance(build_command(group), click.Group)
