"""Routes: each is described by the function that answers it, and by nothing else.

Parameters of the function that stand in the path are taken from there, `query` and `body` are Shapes; its docstring says what it does.
From these the dispatcher, the checks of what is sent, the OpenAPI document and the reference page are made.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, get_type_hints

import nephoscope.admin as package
from nephoscope.access.scopes import TENANT
from nephoscope.api.wire.arm_path import PathTemplate

PREFIX = "/admin/v1"
MAX_BODY = 1 << 20
Handler = Callable[..., object]
#: Where a role is wanted that allows a route, by the parameters of its path; None: the function asks for itself.
Scoped = Callable[[Mapping[str, str]], str] | None


def everywhere(_: Mapping[str, str]) -> str:
    """A route about no part of the estate: a role at the tenant is wanted."""
    return TENANT


def of_workspace(parameters: Mapping[str, str]) -> str:
    """A route about one workspace."""
    return f"/workspaces/{parameters['name'].lower()}"


@dataclass(frozen=True)
class Route:
    """A route; `permission` is the operation of roles that it needs at its scope, `most` the bytes that its body may have."""

    method: str
    path: str
    permission: str
    handler: Handler
    section: str
    status: int = 200
    scoped: Scoped = everywhere
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
        """Its name, for the document."""
        return f"{self.section}_{self.handler.__name__}"

    @property
    def doc(self) -> str:
        """What it does, in a sentence."""
        return inspect.cleandoc(self.handler.__doc__ or "").split("\n", 1)[0]

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
        scoped: Scoped = everywhere,
        most: int = MAX_BODY,
    ) -> Callable[[Handler], Handler]:
        """Declare that a function answers a method and path."""

        def declare(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, permission, handler, self.name, status, scoped, most))
            return handler

        return declare


@cache
def sections() -> tuple[RouteSection, ...]:
    """Every section: a module of the package with a SECTION."""
    found = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if hasattr(module, "SECTION"):
            found.append(module.SECTION)
    return tuple(found)


@cache
def routes() -> tuple[Route, ...]:
    """Every route; of those that fit one path the one with the most literals comes first."""
    return tuple(
        sorted((one for each in sections() for one in each.routes), key=lambda one: one.template.rank)
    )
