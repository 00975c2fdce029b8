"""Routes: each is described by the function that answers it, and by nothing else.

Operations (nephoscope.operations) are routes, and so is what a module of this package alone offers. Parameters of the function that
stand in the path are taken from there, `query` and `body` are Shapes; its docstring says what it does. From these the dispatcher, the
checks of what is sent, the OpenAPI document and the reference page are made.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, get_type_hints

import nephoscope.admin as package
from nephoscope.admin.wire.operation_handler import build_handler
from nephoscope.api.wire.arm_path import PathTemplate
from nephoscope.operations.declaration.discovery import load_operation_groups
from nephoscope.operations.declaration.operation import MAX_BODY, OperationGroup, Scoped, get_any_scope
from nephoscope.operations.declaration.operation_name import build_operation_id

PREFIX = "/admin/v1"
Handler = Callable[..., object]


@dataclass(frozen=True)
class Route:
    """A route; `permission` is the operation of roles that it needs at its scope, `most` the bytes that its body may have."""

    method: str
    path: str
    permission: str
    handler: Handler
    section: str
    status: int = 200
    scoped: Scoped = get_any_scope
    most: int = MAX_BODY

    @cached_property
    def template(self) -> PathTemplate:
        """Its whole path."""
        return PathTemplate(PREFIX + self.path)

    @cached_property
    def _hints(self) -> dict[str, object]:
        return get_type_hints(self.handler, include_extras=True)

    @property
    def name(self) -> str:
        """Its id in the description of the API."""
        return build_operation_id(self.handler.__name__, self.section)

    @property
    def doc(self) -> str:
        """Return what it does: the first paragraph of the function's docstring."""
        return " ".join(inspect.cleandoc(self.handler.__doc__ or "").partition("\n\n")[0].split("\n"))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its path with their types."""
        return {one: self._hints[one] for one in self.template.parameters}

    @property
    def query(self) -> Any:
        """The Shape of its query, None where it takes none."""
        return self._hints.get("query")

    @property
    def body(self) -> Any:
        """The Shape of its body, None where it takes none."""
        return self._hints.get("body")

    @property
    def answer(self) -> Any:
        """The Shape of what it answers, None where it answers nothing."""
        found = self._hints["return"]
        return None if found is type(None) else found

    @property
    def changes(self) -> bool:
        """Return whether it changes something."""
        return self.method != "GET"


@dataclass
class RouteSection:
    """The routes of a file."""

    name: str
    title: str
    routes: list[Route] = field(default_factory=list)

    def route(
        self,
        method: str,
        path: str,
        permission: str,
        *,
        status: int = 200,
        scoped: Scoped = get_any_scope,
        most: int = MAX_BODY,
    ) -> Callable[[Handler], Handler]:
        """Declare that a function answers a method and path."""

        def declare(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, permission, handler, self.name, status, scoped, most))
            return handler

        return declare


@cache
def load_sections() -> tuple[RouteSection, ...]:
    """Every section by the name of its file: of operations, and modules of this package with a SECTION; two of one name are one."""
    found: dict[str, RouteSection] = {}
    for _, section in sorted([*_list_operation_sections(), *_list_module_sections()], key=lambda one: one[0]):
        kept = found.setdefault(section.name, RouteSection(section.name, section.title))
        kept.routes.extend(section.routes)
    return tuple(found.values())


def _list_operation_sections() -> Iterator[tuple[str, RouteSection]]:
    for file, group in load_operation_groups().items():
        if routes_ := list(_list_group_routes(group)):
            yield file, RouteSection(group.name, group.title, routes_)


def _list_group_routes(group: OperationGroup) -> Iterator[Route]:
    for one in group.operations:
        if (api := one.api) is not None:
            yield Route(
                api.method,
                api.path,
                one.permission,
                build_handler(one),
                group.name,
                api.status,
                api.scoped,
                api.most,
            )


def _list_module_sections() -> Iterator[tuple[str, RouteSection]]:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if hasattr(module, "SECTION"):
            yield info.name, module.SECTION


@cache
def list_routes() -> tuple[Route, ...]:
    """Every route; of those that fit one path the one with the most literals comes first."""
    return tuple(
        sorted((one for each in load_sections() for one in each.routes), key=lambda one: one.template.rank)
    )
