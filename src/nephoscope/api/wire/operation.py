"""Operations: what a surface answers, declared beside the function that does."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import nephoscope.api as package
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.arm_path import PathTemplate, find_requested_type
from nephoscope.api.wire.query_throttling import Throttled
from nephoscope.api.wire.response import ApiResponse
from nephoscope.collect.resource_sources import TypeSources
from nephoscope.posture.published.row_access import read_operation

Handler = Callable[[ApiCall], ApiResponse]
#: Answers without a credential: what a client asks before it can have one.
PUBLIC = ""
#: Whom an operation that reads lets in: those with its permission at the scope of its path, or also below it, where its answer is what
#: lies in their part, as Azure's resource manager does; those whom its handler lets in, by what it names; everybody who is signed in.
AT_SCOPE, BELOW, OWN, ANYONE = "scope", "below", "own", "anyone"


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One operation. `name` is Azure's operationId, `permission` the operation of Azure's roles that it needs (PUBLIC = none).

    `versioned` says whether a client must give an api-version, as ARM asks. An operation that changes something needs its permission
    at the scope of its path; whom one that reads lets in is `lets`, and its answer is what the caller may see. `effect` says what
    follows here from a document that is only kept, '' where the operation is of something that the server makes or acts on. `by_type`
    says that the reading of the type that a path names is what it needs, so that `permission` stands for a path that names none.
    One with `throttled` runs a query: it takes its turn among the queries of its caller, and `throttled` is its answer to too many.
    """

    name: str
    method: str
    template: PathTemplate
    permission: str
    handler: Handler
    versioned: bool = True
    changes: bool = False
    surface: str = ""
    effect: str = ""
    lets: str = AT_SCOPE
    by_type: bool = False
    throttled: Throttled | None = None

    def adapt_to_path(self, path: str) -> ApiOperation:
        """The operation as a path needs it."""
        type_ = find_requested_type(path) if self.by_type else ""
        return (
            replace(self, permission=read_operation(TypeSources.load_builtin().spell(type_)))
            if type_
            else self
        )

    @property
    def doc(self) -> str:
        """Return what it does, in a sentence."""
        return (self.handler.__doc__ or "").strip().split("\n")[0]


class ApiSurface:
    """The operations of a file; each is declared with `@surface.get(...)` and the like. `lets` is what holds of those that read."""

    def __init__(self, name: str, provider: str = "", lets: str = AT_SCOPE) -> None:
        self.name, self.provider, self.lets = name, provider, lets
        self.operations: list[ApiOperation] = []

    def operation(
        self,
        method: str,
        path: str,
        name: str,
        permission: str,
        *,
        versioned: bool = True,
        changes: bool | None = None,
        effect: str = "",
        lets: str = "",
        by_type: bool = False,
        throttled: Throttled | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare that a function answers a method and path."""

        def declare(handler: Handler) -> Handler:
            change = changes if changes is not None else method not in ("GET", "HEAD")
            self.operations.append(
                ApiOperation(
                    name,
                    method,
                    PathTemplate(path),
                    permission,
                    handler,
                    versioned,
                    change,
                    self.name,
                    effect,
                    lets or self.lets,
                    by_type,
                    throttled,
                )
            )
            return handler

        return declare

    def get(
        self,
        path: str,
        name: str,
        permission: str,
        *,
        versioned: bool = True,
        lets: str = "",
        by_type: bool = False,
        throttled: Throttled | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a reading operation."""
        return self.operation(
            "GET",
            path,
            name,
            permission,
            versioned=versioned,
            lets=lets,
            by_type=by_type,
            throttled=throttled,
        )

    def put(self, path: str, name: str, permission: str) -> Callable[[Handler], Handler]:
        """Declare one that creates or replaces."""
        return self.operation("PUT", path, name, permission)

    def delete(self, path: str, name: str, permission: str) -> Callable[[Handler], Handler]:
        """Declare one that deletes."""
        return self.operation("DELETE", path, name, permission)

    def declare_post_query(
        self,
        path: str,
        name: str,
        permission: str,
        *,
        versioned: bool = True,
        throttled: Throttled | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a POST that changes nothing, such as a query."""
        return self.operation(
            "POST", path, name, permission, versioned=versioned, changes=False, throttled=throttled
        )

    def declare_post_action(
        self, path: str, name: str, permission: str, *, versioned: bool = True
    ) -> Callable[[Handler], Handler]:
        """Declare a POST that does something."""
        return self.operation("POST", path, name, permission, versioned=versioned, changes=True)


@cache
def load_surfaces() -> tuple[ApiSurface, ...]:
    """Every surface, by the names of their modules: a module with a SURFACE in one of the rooms of `api`."""
    names = (f"{package.__name__}.{one.name}" for one in pkgutil.iter_modules(package.__path__) if one.ispkg)
    rooms = [importlib.import_module(name) for name in names if name != __package__]
    found = [
        (info.name, importlib.import_module(f"{room.__name__}.{info.name}"))
        for room in rooms
        for info in pkgutil.iter_modules(room.__path__)
    ]
    return tuple(module.SURFACE for _, module in sorted(found, key=lambda one: one[0]))


class OperationRegistry:
    """All operations, found by method and path."""

    def __init__(self, operations: Iterable[ApiOperation]) -> None:
        self._operations = sorted(operations, key=lambda one: one.template.rank)

    @classmethod
    @cache
    def load_all_operations(cls) -> OperationRegistry:
        """The operations of every surface."""
        return cls(one for surface in load_surfaces() for one in surface.operations)

    def find(self, method: str, path: str) -> tuple[ApiOperation, dict[str, str]] | None:
        """The operation that answers, with the parameters of its path."""
        for one in self._operations:
            if one.method == method and (found := one.template.match(path)) is not None:
                return one, found
        return None

    def list_methods(self, path: str) -> list[str]:
        """The methods that a path answers to."""
        return sorted({one.method for one in self._operations if one.template.match(path) is not None})

    def __iter__(self) -> Iterator[ApiOperation]:
        return iter(self._operations)
