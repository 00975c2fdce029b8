"""The function that a saved search is to be: its alias and parameters as Log Analytics has them, looked at before they are kept.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/functions, and the properties functionAlias and functionParameters of
https://learn.microsoft.com/rest/api/loganalytics/saved-searches/create-or-update (2020-08-01)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.lake.queries.principal_scope import EVERYTHING
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.queries.stored_functions import is_name
from nephoscope_kql import tree
from nephoscope_kql.catalog import Catalog, StoredFunction, TableSchema
from nephoscope_kql.compile import compile_results
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.errors import CycleError, KqlError, TooLargeError
from nephoscope_kql.parser import parse_function
from nephoscope_kql.registry import load_functions
from nephoscope_kql.reserved_names import list_built_in_names, may_call
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

ALIAS, PARAMETERS = "functionAlias", "functionParameters"
LONGEST = 4_000
#: How long a function may take to be read with those that it calls; each query that calls it takes as long.
LOOKED_AT_SECONDS = 2.0


def to_function(properties: Mapping[str, Any]) -> StoredFunction | None:
    """The function of the properties of a saved search, None where they name none; Fault for what is no function."""
    alias, parameters = properties.get(ALIAS) or "", properties.get(PARAMETERS) or ""
    for name, value in ((ALIAS, alias), (PARAMETERS, parameters)):
        if not isinstance(value, str) or len(value) > LONGEST:
            raise make_bad_request_error(
                f"'{name}' must be a string of at most {LONGEST:,} characters.", f"properties.{name}"
            )
    if not alias:
        if parameters:
            raise make_bad_request_error(
                "'functionParameters' requires a 'functionAlias'.",
                f"properties.{PARAMETERS}",
            )
        return None
    if not is_name(alias):
        problem = (
            f"'{alias[:100]}' is no name of a function: letters, digits and _, up to 128, no digit first."
        )
        raise make_bad_request_error(problem, f"properties.{ALIAS}")
    if not may_call(alias):
        raise make_bad_request_error(
            f"'{alias}' is a reserved word and cannot name a function.", f"properties.{ALIAS}"
        )
    _parse_function("", "print 1", parameters, PARAMETERS)
    _parse_function(alias, str(properties["query"]), parameters, "query")
    return StoredFunction(alias, str(properties["query"]).strip(), parameters)


def _parse_function(name: str, body: str, parameters: str, field: str) -> tree.Lambda:
    try:
        return parse_function(parameters, body)
    except KqlError as error:
        problem = f"The function {name} cannot be read" if name else "The parameters cannot be read"
        raise make_bad_request_error(f"{problem}: {error}.", f"properties.{field}") from error


def check_function_name(lake: Lake, state: State, workspace: str, id_: str, function: StoredFunction) -> None:
    """Fault where something else has the name of the function of a saved query, or where it would call itself."""
    others = {key: one for key, one in state.saved_functions.load_functions(workspace).items() if key != id_}
    taken = _find_name_conflict(lake, workspace, function.name, others.values())
    if taken:
        problem = f"There is {taken} {function.name} already: choose another alias."
        raise ApiError(409, "Conflict", problem, target=f"properties.{ALIAS}")
    with lake.catalog(EVERYTHING, workspace=workspace) as catalog:
        _refuse_recursion(function, _ExtendedCatalog(catalog, function))


def _find_name_conflict(lake: Lake, workspace: str, alias: str, others: Iterable[StoredFunction]) -> str:
    """Return what has the name already, whatever its case, '' for nothing."""
    known = {
        "a table": lake.tables.by_name,
        "a function of the product": [*load_shipped_functions(), *list_built_in_names(), *load_functions()],
        "a function of imported content": lake.functions.list_content_functions(workspace),
        "another saved search as the function": [one.name for one in others],
    }
    wanted = alias.casefold()
    return next((what for what, names in known.items() if wanted in {one.casefold() for one in names}), "")


@dataclass(frozen=True, slots=True)
class _ExtendedCatalog:
    """A catalog with one more function (kql.Catalog)."""

    catalog: Catalog
    own: StoredFunction

    def find_table(self, name: str) -> TableSchema | None:
        """Return what the catalog has."""
        return self.catalog.find_table(name)

    def find_function(self, name: str) -> StoredFunction | None:
        """The function, or one of the catalog."""
        return self.own if name == self.own.name else self.catalog.find_function(name)

    def names(self) -> Iterable[str]:
        """Return what the catalog has."""
        return self.catalog.names()

    def known_tables(self) -> Iterable[str]:
        """Return what the catalog has."""
        return self.catalog.known_tables()

    def find_watchlist(self, alias: str) -> TableSchema | None:
        """Return what the catalog has."""
        return self.catalog.find_watchlist(alias)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """Return what the catalog has."""
        return self.catalog.resolve_place(kind, name)


def _refuse_recursion(function: StoredFunction, catalog: Catalog) -> None:
    """Fault where the function calls itself; what else is wrong may come right with its tables, and is told by who calls it."""
    parsed = parse_function(function.parameters, function.body)
    call = f"{function.name}({', '.join(map(_format_argument, parsed.parameters))})"
    for text in (call, f"print {call}"):
        try:
            with set_deadline_within(LOOKED_AT_SECONDS):
                compile_results(text, catalog)
        except CycleError as error:
            raise make_bad_request_error(
                f"{error.message}.", "properties.query", "FunctionCallsItself"
            ) from error
        except TooLargeError as error:
            problem = f"The function is too large with the functions that it calls: {error.message}."
            raise make_bad_request_error(problem, "properties.query") from error
        except KqlError:
            continue


def _format_argument(parameter: tree.LambdaParameter) -> str:
    """A value that a parameter takes: nothing, of its type."""
    if parameter.schema is not None:
        columns = ", ".join(f"['{one.name}']: {one.type}" for one in parameter.schema) or "nothing: string"
        return f"datatable({columns})[]"
    if parameter.type in (KqlType.STRING, None):
        return "''"
    return f"{parameter.type}(null)"
