"""Operation forms: an operation drawn as a form or a button, and called with what the form sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from nephoscope.operations.declaration.operation import (
    Operation,
    OperationCall,
    RefusedRequestError,
    get_any_scope,
)
from nephoscope.operations.declaration.operation_page import Answer, OperationForm, Row, SectionList
from nephoscope.operations.declaration.request_field import request_fields
from nephoscope.operations.declaration.schemas import InWorkspace
from nephoscope.state import NotFoundError
from nephoscope.web.forms.request_form import FieldError, FormField, build_form_fields, read_request

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


@dataclass(frozen=True, slots=True)
class DrawnForm:
    """An operation as a page draws it: a button where it has no fields; `row` is what it is about, '' = a section.

    `obstacle` is why nobody can send it now and what changes that: a field that it needs has nothing to choose.
    """

    name: str
    label: str
    help: str
    fields: Sequence[FormField]
    row: str = ""
    danger: bool = False
    refused: str = ""
    obstacle: str = ""

    @property
    def open(self) -> bool:
        """Return whether the form is shown unfolded: it was refused."""
        return bool(self.refused) or any(one.error for one in self.fields)


class RowBefore:
    """The values of a row for a form that changes it: of what the row was made of, else its cells."""

    def __init__(self, item: object, row: Row) -> None:
        self._item, self._row = item, row

    def __getattr__(self, name: str) -> object:
        return getattr(self._item, name, self._row.get(name))


def is_changing_operation(operation: Operation) -> bool:
    """Return whether an operation changes what is left as it is where its form says nothing."""
    shape = operation.request[1]
    return shape is not None and any(one.change for one in request_fields(shape))


def is_in_workspace(operation: Operation) -> bool:
    """Return whether an operation is about one workspace."""
    shape = operation.request[1]
    return isinstance(shape, type) and issubclass(shape, InWorkspace)


def get_permission_scope(operation: Operation, workspace: str, row: str = "") -> str:
    """Return the scope at which the permission of an operation is wanted."""
    if is_in_workspace(operation):
        return f"/workspaces/{workspace}"
    scoped = operation.api.scoped if operation.api is not None else get_any_scope
    return (scoped or get_any_scope)(dict.fromkeys(operation.parameters, row))


def open_call(visit: Visit, operation: Operation) -> OperationCall:
    """Return what an operation works with, for a visit."""
    lake = visit.instance.lake if operation.needs_lake else None
    return OperationCall(
        visit.service,
        lambda: visit.instance.guard,
        lake,
        visit.caller.principal.id,
        permission=operation.permission,
    )


def run_read_operation(visit: Visit, operation: Operation, workspace: str, row: str = "") -> Answer:
    """Return the answer of an operation that only reads, with what its page says and else the defaults of its request."""
    name, shape = operation.request
    given: dict[str, Answer] = dict.fromkeys(operation.parameters, row)
    if shape is not None:
        asked = dict(operation.page.given) if isinstance(operation.page, SectionList) else {}
        given[name] = shape(**asked, **({"workspace": workspace} if is_in_workspace(operation) else {}))
    return operation.function(open_call(visit, operation), **given)


def draw_form(
    visit: Visit,
    operation: Operation,
    form: OperationForm,
    *,
    row: str = "",
    before: object = None,
    refused: Exception | None = None,
) -> DrawnForm:
    """Draw an operation; `refused` is why what was sent to it could not be taken, beside its field where it names one."""
    call, shape = open_call(visit, operation), operation.request[1]
    choices = {name: find(call) for name, find in form.choices.items()}
    given = visit.form if refused is not None else {}
    fields = build_form_fields(shape, given, before, choices) if shape is not None else []
    if is_in_workspace(operation):
        fields = [one for one in fields if one.name != "workspace"]
    field = getattr(refused, "field", "")
    problem = str(refused) if refused is not None else ""
    marked = [replace(one, error=problem) if one.name == field else one for one in fields]
    beside = any(one.error for one in marked)
    return DrawnForm(
        operation.name,
        form.label,
        operation.doc.partition("\n\n")[0].replace("\n", " "),
        marked,
        row,
        form.danger,
        "" if beside else problem,
        _find_obstacle(fields, form.without),
    )


def _find_obstacle(fields: Sequence[FormField], without: Mapping[str, str]) -> str:
    """Return why a form cannot be sent: the first needed field without a choice; '' = it can."""
    bare = next((one for one in fields if one.required and one.kind == "choice" and not one.choices), None)
    if bare is None:
        return ""
    return without.get(bare.name) or f"There is nothing to choose for {bare.label}."


def propose_field_values(visit: Visit, operation: Operation, form: OperationForm) -> RowBefore | None:
    """Return what the fields of a new form begin with: of what is copied, and as the address says; None: their defaults."""
    shape = operation.request[1]
    asked = {
        name: visit.get_query_value(name)
        for name in visit.request.query_params
        if name in _list_field_names(shape)
    }
    like = (
        form.like(open_call(visit, operation), visit.get_query_value("like"))
        if form.like and visit.get_query_value("like")
        else {}
    )
    if not (asked or like):
        return None
    defaults = {one.name: one.default for one in request_fields(shape)}
    return RowBefore(None, {**defaults, **like, **asked})


def fill_row_form(
    visit: Visit, operation: Operation, form: OperationForm, key: str, item: object, row: Row
) -> RowBefore | None:
    """Return what the fields of a form about a row begin with, None: their defaults."""
    if form.like is not None:
        return RowBefore(None, form.like(open_call(visit, operation), key))
    return RowBefore(item, row) if form.fills or is_changing_operation(operation) else None


def _list_field_names(shape: Answer) -> set[str]:
    return {one.name for one in request_fields(shape)} - {"workspace"} if shape is not None else set()


def submit_form(visit: Visit, operation: Operation, workspace: str, row: str = "") -> Answer:
    """Call an operation with what its form sent. Raises DeniedError, StateError, FieldError where a field is wrong."""
    visit.caller.require(operation.permission, get_permission_scope(operation, workspace, row))
    name, shape = operation.request
    given: dict[str, Answer] = {
        one: _build_parameter(type_, row) for one, type_ in operation.parameters.items()
    }
    if shape is not None:
        given[name] = read_request(
            shape, {**visit.form, "workspace": workspace} if is_in_workspace(operation) else visit.form
        )
    with _list_refusals_of_fields(shape):
        return operation.function(open_call(visit, operation), **given)


def list_forms(operations: Sequence[Operation]) -> Iterator[tuple[Operation, OperationForm]]:
    """Give the operations that are offered as forms."""
    for one in operations:
        if isinstance(one.page, OperationForm):
            yield one, one.page


def offers(
    visit: Visit, operation: Operation, form: OperationForm, workspace: str, row: Row, key: str
) -> bool:
    """Return whether a form is offered about a row to a visitor."""
    fits = form.when is None or form.when(row)
    return fits and visit.caller.is_permitted(
        operation.permission, get_permission_scope(operation, workspace, key)
    )


def _build_parameter(type_: Answer, value: str) -> Answer:
    try:
        return msgspec.convert(value, type_, strict=False)
    except msgspec.ValidationError as error:
        raise NotFoundError(f"{value[:100]!r} not found") from error


@contextmanager
def _list_refusals_of_fields(shape: Answer) -> Iterator[None]:
    """Raise FieldError where a refusal names a field of the request; a sentence begins with what people call the field."""
    names: Mapping[str, str] = (
        {} if shape is None else {one.encode_name: one.name for one in msgspec.structs.fields(shape)}
    )
    try:
        yield
    except RefusedRequestError as error:
        message = str(error).removeprefix("--")
        raise FieldError(message[:1].upper() + message[1:], names.get(error.target, error.target)) from error
