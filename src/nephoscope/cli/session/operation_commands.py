"""Commands of operations: options and help from what the operation declares; the call; and what is printed of its result."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import show_list
from nephoscope.cli.session.secret_input import read_secret, split_pair, split_secret_pair
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.operations.declaration.operation import OperationCall, RefusedRequestError
from nephoscope.operations.declaration.operation_page import Answer
from nephoscope.operations.declaration.request_field import (
    FieldKind,
    RequestField,
    build_parameter_field,
    request_fields,
)
from nephoscope.operations.declaration.schemas import PageQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from nephoscope.access.authenticator import Guard
    from nephoscope.operations.declaration.operation import CommandLine, Operation, OperationGroup
    from nephoscope.state import State

#: What stands for a value in the help of an option.
_METAVARS = {
    FieldKind.SECRET: "env:VARIABLE|file:PATH", FieldKind.SECRETS: "NAME[=env:VARIABLE|=file:PATH]", FieldKind.BLOCK: "FILE",
    FieldKind.PAIRS: "NAME=VALUE",
}  # fmt: skip
#: Kinds whose option may be given more than once.
_SEVERAL = frozenset({FieldKind.LIST, FieldKind.PAIRS, FieldKind.SECRETS})
#: Bytes of a file that is the text of a field.
_MOST_BYTES = 4 << 20
#: What the name of the option that gives null has behind that of its field.
_NONE = "__none"


def build_command(group: OperationGroup) -> click.Group:
    """Return the command of a group of operations."""
    made = click.Group(help=group.help)
    add_operations(made, group)
    return made


def add_operations(command: click.Group, *groups: OperationGroup) -> None:
    """Add the operations that have a command to a command of commands."""
    for group in groups:
        for one in group.operations:
            if one.command is not None:
                command.add_command(_build_command(one, one.command), one.command.word)


def _build_command(operation: Operation, command: CommandLine) -> click.Command:
    names = {name: build_parameter_field(name, type_) for name, type_ in operation.parameters.items()}
    fields = _flatten_fields(request_fields(operation.request[1])) if operation.request[1] else []
    parameters: list[click.Parameter] = [
        _build_argument(one) for one in (*names.values(), *fields) if one.argument or one.name in names
    ]
    parameters += [option for one in fields if not one.argument for option in _build_options(one)]
    if command.columns:
        parameters.append(
            click.Option(
                ["--output", "-o"], type=click.Choice(command.formats), default=command.formats[0], show_default=True,
                help="Output format.",
            )
        )  # fmt: skip

    if command.confirm is not None:
        parameters.append(click.Option(["--yes"], is_flag=True, help="Skip the confirmation prompt."))

    @click.pass_obj
    def run(data: Path, /, output: str = "", yes: bool = False, **given: Answer) -> None:
        _run_operation(operation, command, data, given, output, yes=yes)

    return click.Command(command.word, params=parameters, callback=run, help=command.help or operation.doc)


def _flatten_fields(fields: Iterable[RequestField]) -> list[RequestField]:
    """The fields with those of requests within the request, which are options as all others."""
    return [
        each
        for one in fields
        for each in (_flatten_fields(one.inner) if one.inner and one.kind is FieldKind.OTHER else (one,))
    ]


def _build_argument(one: RequestField) -> click.Argument:
    metavar = one.metavar if one.required or not one.metavar else f"[{one.metavar}]"
    return click.Argument(
        [one.name], type=_choose_click_type(one), required=one.required, nargs=-1 if one.kind is FieldKind.LIST else 1,
        metavar=metavar or None,
    )  # fmt: skip


def _build_options(one: RequestField) -> Iterator[click.Option]:
    if not one.option or one.kind is FieldKind.OTHER:
        return
    flag = one.kind is FieldKind.YES_NO
    shown: dict[str, Answer] = {}
    if not one.required and (
        flag or one.default is not None
    ):  # of others a default of None would count as given
        shown = {
            "default": one.default,
            "show_default": one.default not in (None, "") and one.default is not False,
        }
    yield click.Option(
        [*one.option.split(","), one.name], type=_choose_click_type(one), required=one.required, multiple=one.kind in _SEVERAL,
        help=one.help, metavar=one.metavar or _METAVARS.get(one.kind), is_flag=flag, **shown,
    )  # fmt: skip
    if one.none_option and one.change:
        yield click.Option([one.none_option, f"{one.name}{_NONE}"], is_flag=True, help=one.none_help)


def _choose_click_type(one: RequestField) -> click.ParamType[Answer] | None:
    if one.path:
        return click.Path(exists=True, dir_okay=one.path != "file", path_type=Path)
    match one.kind:
        case FieldKind.WHOLE if one.least is not None or one.most is not None:
            return click.IntRange(_to_integer(one.least), _to_integer(one.most))
        case FieldKind.WHOLE:
            return click.INT
        case FieldKind.NUMBER:
            return click.FloatRange(one.least, one.most)
        case FieldKind.LIST if one.whole:
            return click.INT
        case FieldKind.LIST if one.choices:
            return click.Choice(one.choices)
        case FieldKind.CHOICE:
            return click.Choice([word for word in one.choices if word], case_sensitive=False)
        case FieldKind.TIME:
            from nephoscope.cli.session.options import Instant

            return Instant()
        case FieldKind.BLOCK:
            return click.Path(exists=True, dir_okay=False, path_type=Path)
    return None


def _to_integer(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def _run_operation(
    operation: Operation,
    command: CommandLine,
    data: Path,
    given: dict[str, Answer],
    output: str,
    *,
    yes: bool,
) -> None:
    arguments = {name: given.pop(name) for name in operation.parameters}
    name, shape = operation.request
    try:
        if shape is not None:
            arguments[name] = _build_request(shape, given, command)
        with open_call(
            data, needs_lake=operation.needs_lake, fresh=command.fresh, explain=command.explain
        ) as call:
            for one, find in command.arguments.items():
                arguments[one] = find(call, arguments[one])
            if command.confirm is not None:
                _confirm_action(*command.confirm(call, arguments), yes=yes)
            answer = operation.function(call, **arguments)
            if command.follow is not None:
                answer = command.follow(call, answer, arguments)
    except RefusedRequestError as error:
        exit_with_usage_error(command.explain(error))
    _show_answer(operation, command, answer, arguments | given, output)
    for line in command.notes(answer) if command.notes else ():
        print_message(line)
    if command.failed and (code := command.failed(answer)):
        sys.exit(int(code))


def _confirm_action(shown: str, question: str, *, yes: bool) -> None:
    """Show what is about to be done; the command ends where a person does not confirm it."""
    if shown:
        click.echo(shown)
    if question and not yes:
        click.confirm(question, abort=True, err=True)


def _build_guard(state: State) -> Guard:
    from nephoscope.access.authenticator import Guard
    from nephoscope.access.scopes import Hierarchy

    return Guard(state, lambda: Hierarchy({}))


@contextmanager
def open_call(
    data: Path,
    *,
    needs_lake: bool = False,
    fresh: bool = False,
    explain: Callable[[RefusedRequestError], str] = str,
) -> Iterator[OperationCall]:
    """Open what an operation works with; a refusal or a fault ends the command with its message.

    `fresh`: what waits for the lake is put into the tables first. `explain` words a refusal.
    """
    try:
        if needs_lake:
            with open_lake(data) as (lake, state):
                if fresh:
                    flush_pending_rows(data, lake, state)
                context = build_context(data, state)
                yield OperationCall(context, partial(_build_guard, state), lake, tell=print_message)
                flush_pending_rows(data, lake, state)
        else:
            with open_state(data) as state:
                yield OperationCall(
                    build_context(data, state), partial(_build_guard, state), tell=print_message
                )
    except RefusedRequestError as error:
        exit_with_usage_error(explain(error))


def _build_request(shape: Answer, given: Mapping[str, Answer], command: CommandLine) -> Answer:
    """The request of the options that were given; bounds are click's, and what the service says of the rest is for people."""
    fields = request_fields(shape)
    sent = _select_given_values(fields, given)
    if any(one.change for one in fields) and not any(one.name in sent for one in fields if one.change):
        known = [one.option for one in _flatten_fields(fields) if one.change and one.option]
        raise click.UsageError(f"nothing to change: use {_join_words(known)}")
    if issubclass(shape, PageQuery):
        sent["top"] = sys.maxsize
    made = shape(**sent)
    if command.check is not None:
        command.check(made)
    secrets = next((one for one in fields if one.kind is FieldKind.SECRETS), None)
    if command.prompts is not None and secrets is not None and secrets.name not in sent:
        asked = {name: read_secret(name, "") for name in command.prompts(made)}
        made = msgspec.structs.replace(made, **{secrets.name: _to_secrets(secrets, asked)})
    return made


def _select_given_values(fields: Iterable[RequestField], given: Mapping[str, Answer]) -> dict[str, Answer]:
    """The values of fields of which an option was given."""
    sent: dict[str, Answer] = {}
    for one in fields:
        if one.shape is not None and one.kind is FieldKind.OTHER:
            if inner := _select_given_values(one.inner, given):
                sent[one.name] = one.shape(**inner)
        elif given.get(one.name) not in (None, ()):
            sent[one.name] = _read_value(one, given[one.name])
        if given.get(f"{one.name}{_NONE}"):
            if one.name in sent:
                raise click.UsageError(f"{one.option} and {one.none_option} are mutually exclusive")
            sent[one.name] = None
    return sent


def _read_value(one: RequestField, given: Answer) -> Answer:
    """The value of an option: a secret is at its place, and a text of several lines in a file."""
    match one.kind:
        case FieldKind.SECRET:
            return _read_secret(one, given)
        case FieldKind.SECRETS:
            return _to_secrets(
                one, {name: read_secret(name, place) for name, place in map(split_secret_pair, given)}
            )
        case FieldKind.PAIRS:
            return dict(map(split_pair, given))
        case FieldKind.BLOCK:
            return _read_text(one, given)
    return given


def _read_secret(one: RequestField, place: str) -> str:
    if not place.startswith(("env:", "file:")):
        raise click.UsageError(f"{one.option} must be env:VARIABLE or file:PATH, never the secret itself")
    return read_secret(one.option.lstrip("-"), place)


def _read_text(one: RequestField, path: Path) -> str:
    with path.open("rb") as file:
        found = file.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        raise click.UsageError(f"{one.option} {path}: larger than {_MOST_BYTES >> 20} MiB")
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{one.option} {path}: not UTF-8 text") from error


def _to_secrets(one: RequestField, given: dict[str, str]) -> Answer:
    if one.shape is None:
        return given
    names = [each.name for each in one.inner]
    if unknown := sorted(given.keys() - set(names)):
        raise click.UsageError(f"--secret must be one of {', '.join(names)} (got {unknown[0]})")
    return one.shape(**given)


def _join_words(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _show_answer(
    operation: Operation, command: CommandLine, answer: Answer, given: Mapping[str, Answer], output: str
) -> None:
    if command.columns:
        rows = operation.list_rows(answer)
        if command.absent and output != "json":
            rows = [
                {**row, **{name: text for name, text in command.absent.items() if row[name] is None}}
                for row in rows
            ]
        nothing = command.nothing(answer) if callable(command.nothing) else command.nothing
        show_list(rows, command.columns, output, nothing)
    elif callable(command.message):
        click.echo(command.message(answer))
    elif command.message:
        shown = msgspec.structs.asdict(answer) if isinstance(answer, msgspec.Struct) else {"result": answer}
        click.echo(command.message.format(**{**given, **shown}))
