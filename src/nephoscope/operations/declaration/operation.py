"""Operations: a function of the service layer with all that the faces need to offer it.

The function takes an OperationCall, then what stands in the path of its route or as arguments of its command, then a `query` or `body`
(a Shape). Its docstring says what it does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, get_type_hints

import msgspec

from nephoscope.operations.declaration.operation_name import shorten_operation_name
from nephoscope.operations.declaration.operation_page import Answer, OperationPage, Row
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state.database.state_errors import ConcurrentChangeError, NotFoundError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.access.authenticator import Guard
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State

MAX_BODY = 1 << 20
Function = Callable[..., Answer]
#: Where a role is wanted that allows an operation, by what stands in its path; None: the function asks for itself.
Scoped = Callable[[Mapping[str, str]], str] | None


def get_any_scope(_: Mapping[str, str]) -> str:
    """An operation about no part of the estate: a role at the tenant is wanted."""
    return ROOT_SCOPE


def any_part_scope(_: Mapping[str, str]) -> str:
    """An operation on what of the estate the caller may do it on: a role at any part of it is wanted, and the function narrows."""
    return ROOT_SCOPE


def get_workspace_scope(parameters: Mapping[str, str]) -> str:
    """An operation about one workspace."""
    return f"/workspaces/{parameters['name'].lower()}"


class RefusedRequestError(Exception):
    """A request that cannot be meant or done; `target` names the field that is wrong ('' = nothing in particular)."""

    def __init__(self, message: str, target: str = "") -> None:
        super().__init__(message)
        self.target = target


class MissingError(NotFoundError):
    """A missing thing, or one that the caller may not see; `what` names it, as `A tenant contoso`, `message` replaces its text."""

    def __init__(self, what: str, message: str = "") -> None:
        super().__init__(message or f"{what} was not found")
        self.what = what


@contextmanager
def convert_not_found_error(what: str) -> Iterator[None]:
    """Raise MissingError where a NotFoundError is raised within the block."""
    try:
        yield
    except NotFoundError as error:
        raise MissingError(what) from error


@contextmanager
def translate_errors(target: str, *errors: type[Exception], named: bool = False) -> Iterator[None]:
    """Raise RefusedRequestError with the sentence of an error where one of these is raised within the block.

    `named`: the sentence stands behind the name of its field.
    """
    try:
        yield
    except (TransientError, ConcurrentChangeError):
        raise
    except errors as error:
        raise RefusedRequestError(f"{target}: {error}" if named else str(error), target) from error


@dataclass(frozen=True, slots=True)
class OperationCall:
    """One call of an operation: who acts on which state, and what else the face has open.

    `principal` is the id of who acts, '' for the local user. `tell` says to a person what is beside the answer. `permission` is that
    of the operation.
    """

    service: ServiceContext
    _guard: Callable[[], Guard]
    _lake: Lake | None = None
    principal: str = ""
    tell: Callable[[str], None] = lambda _: None
    permission: str = ""

    @property
    def state(self) -> State:
        """The state."""
        return self.service.state

    @property
    def guard(self) -> Guard:
        """The guard, which makes secrets of principals."""
        return self._guard()

    def workspace(self, name: str) -> str:
        """Return the name of the workspace of a name or GUID.

        Raises NotFoundError; DeniedError for one that is not there, to who could not ask about it if it were.
        """
        found = self.state.workspaces.find(name)
        if found is None:
            self.service.require(self.permission, get_workspace_scope({"name": name}))
            found = self.state.workspaces.get(name)
        return found.name

    @property
    def lake(self) -> Lake:
        """The lake, for an operation that `needs_lake`."""
        if self._lake is None:
            raise RuntimeError("the operation does not declare that it needs the lake")
        return self._lake


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """The request by which the own API offers an operation; `most` is the bytes that its body may have."""

    method: str
    path: str
    status: int = 200
    scoped: Scoped = get_any_scope
    most: int = MAX_BODY


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The command that offers an operation.

    `message` is what it prints: a text with {fields} of its arguments and its result, or a function of the result. With `columns` it
    prints a list: `rows` makes its rows of the result, by default those of its `value`; `absent` is what a table shows for null, by
    column; `nothing` is said where there is no row. `notes` gives lines that are said beside the output, `failed` the exit code of a
    result that is not well (True is 1). `help` is what only the command says of itself ('' = what the function says); `arguments`
    finds what a word on the command line stands for, by the function's parameter. `follow` is what the command alone does with the
    answer, by the function's arguments, before it is shown, as a test that a page makes in the background. `check` refuses a
    request before anything is opened, `prompts` names the secrets of a request that are asked for where none is given, `explain` words
    a refusal for the command line. `confirm` gives, by the function's arguments, what a person sees and the question that is to be
    confirmed then ('' = none), unless --yes was given. `formats` are those of its list. `fresh`: what waits for the lake is put into
    the tables before it is called.
    """

    word: str
    message: str | Callable[[Answer], str] = ""
    columns: tuple[str, ...] = ()
    rows: Callable[[Answer], Iterable[Row]] | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    nothing: str | Callable[[Answer], str] = ""
    help: str = ""
    notes: Callable[[Answer], Iterable[str]] | None = None
    failed: Callable[[Answer], int] | None = None
    arguments: Mapping[str, Callable[[OperationCall, str], object]] = field(default_factory=dict)
    follow: Callable[[OperationCall, Answer, Mapping[str, Answer]], Answer] | None = None
    check: Callable[[Answer], None] | None = None
    prompts: Callable[[Answer], Iterable[str]] | None = None
    explain: Callable[[RefusedRequestError], str] = str
    confirm: Callable[[OperationCall, Mapping[str, Answer]], tuple[str, str]] | None = None
    formats: tuple[str, ...] = ("table", "json", "csv")
    fresh: bool = False


@dataclass(frozen=True)
class Operation:
    """An operation: `permission` is that of roles, `api`, `command` and `page` are None where a face does not offer it."""

    group: OperationGroup
    permission: str
    function: Function
    api: ApiRoute | None = None
    command: CommandLine | None = None
    needs_lake: bool = False
    page: OperationPage | None = None

    @cached_property
    def _hints(self) -> dict[str, Answer]:
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def parameters(self) -> dict[str, Answer]:
        """The parameters in the path, which are arguments of the command, with their types."""
        _, *names = inspect.signature(self.function).parameters
        return {name: self._hints[name] for name in names if name not in ("query", "body")}

    @property
    def request(self) -> tuple[str, Answer]:
        """The name and the Shape of what it takes beside, ('', None) where that is nothing."""
        name = next((one for one in ("body", "query") if one in self._hints), "")
        return name, self._hints.get(name)

    @property
    def name(self) -> str:
        """The name of the function without the noun of its group; no other operation of the group has it."""
        return shorten_operation_name(self.function.__name__, self.group.name)

    @property
    def listed_noun(self) -> str:
        """Name what a list is of, for addresses and files; what is no list keeps its whole name."""
        return self.name.removeprefix("list_")

    def list_rows(self, answer: Answer) -> list[Row]:
        """Return the rows of an answer: those that its command makes, a list itself, else its `value` by the names of the API."""
        if self.command is not None and self.command.rows is not None:
            return list(self.command.rows(answer))
        if isinstance(answer, list):
            return answer
        found: list[Row] = msgspec.to_builtins(answer.value, builtin_types=(datetime,))
        return found

    @property
    def doc(self) -> str:
        """The docstring of the function."""
        return inspect.cleandoc(self.function.__doc__ or "")


@dataclass
class OperationGroup:
    """The operations of a file: `name` and `title` are those of its section of the API, `noun` what one is called in errors.

    `help` is that of the command which has the name of the file.
    """

    name: str
    title: str
    noun: str
    help: str = ""
    operations: list[Operation] = field(default_factory=list, repr=False)

    def operation(
        self,
        permission: str,
        api: ApiRoute | None = None,
        command: CommandLine | None = None,
        *,
        needs_lake: bool = False,
        page: OperationPage | None = None,
    ) -> Callable[[Function], Function]:
        """Declare that a function is an operation."""

        def declare(function: Function) -> Function:
            added = Operation(self, permission, function, api, command, needs_lake, page)
            if any(one.name == added.name for one in self.operations):
                raise ValueError(f"group {self.name}: two operations are named {added.name}")
            self.operations.append(added)
            return function

        return declare
