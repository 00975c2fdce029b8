"""What functions of the product's faces reach by name: read from the source, without running anything."""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: Packages in which names are followed.
FOLLOWED = tuple(f"nephoscope.{one}" for one in ("service", "operations", "admin", "api", "web"))
#: What a service calls of its context to audit a change.
AUDITS = frozenset({"change", "transact", "change_files", "enter"})
#: What audits below the services, within its own transaction.
BELOW = frozenset(
    {
        "fact_recording.store_claims",
        "fact_recording.remove_external_facts",
        "guard.make_secret",
        "sessions.end_sessions",
        "instance.state.audit.add",
    }
)
Place = tuple[str, str]


@dataclass
class SourceModule:
    """The names of a module: what it defines, and what it imports from where."""

    name: str
    definitions: dict[str, ast.AST] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)


@functools.cache
def read_module(name: str) -> SourceModule | None:
    """The names of a module of the product, None where there is no such module."""
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    if found is None or not found.origin:
        return None
    module = SourceModule(name)
    for node in ast.parse(Path(found.origin).read_text(encoding="utf-8")).body:
        for one in node.body if isinstance(node, ast.If | ast.With) else [node]:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                module.definitions[one.name] = one
            elif isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None:
                targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                module.definitions |= {each.id: one.value for each in targets if isinstance(each, ast.Name)}
            else:
                module.imports |= _imports(one)
    return module


def _imports(node: ast.AST) -> dict[str, str]:
    if isinstance(node, ast.Import):
        return {one.asname or one.name: one.name for one in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return {}


def _resolve(dotted: str) -> Place | None:
    """The module and the name that a dotted name stands for, of what is followed."""
    module, _, name = dotted.rpartition(".")
    found = read_module(module) if module.startswith(FOLLOWED) else None
    if found is None:
        return None
    if name not in found.definitions and name in found.imports:
        return _resolve(found.imports[name])
    return (module, name) if name in found.definitions else None


@functools.cache
def list_references(place: Place) -> tuple[Place, ...]:
    """Return what a definition names; many faces reach the same services, so each definition is read once."""
    return tuple(_find_references(place))


def _find_references(place: Place) -> Iterator[Place]:
    module = read_module(place[0])
    assert module is not None
    node = module.definitions[place[1]]
    own_imports: dict[str, str] = {}
    for one in ast.walk(node):
        own_imports |= _imports(one)
    imports = module.imports | own_imports
    for one in ast.walk(node):
        dotted = ""
        if isinstance(one, ast.Name):
            # an import within the function stands before what the module defines
            defined = one.id in module.definitions and one.id not in own_imports
            dotted = f"{place[0]}.{one.id}" if defined else imports.get(one.id, "")
        elif isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in imports:
            dotted = f"{imports[one.value.id]}.{one.attr}"
        if dotted and (found := _resolve(dotted)) is not None:
            yield found


@functools.cache
def is_auditing(place: Place) -> bool:
    """Return whether a definition of a service audits a change by its context."""
    if not place[0].startswith("nephoscope.service."):
        return False
    module = read_module(place[0])
    assert module is not None
    return any(
        isinstance(one, ast.Call) and _audits(ast.unparse(one.func))
        for one in ast.walk(module.definitions[place[1]])
    )


def _audits(called: str) -> bool:
    thing, _, verb = called.rpartition(".")
    return called in BELOW or (thing.split(".")[-1].endswith("context") and verb in AUDITS)


def find_place(function: Callable[..., object]) -> Place:
    """Where a function is defined: of a partial the inner one, of a method its class."""
    while isinstance(function, functools.partial):
        function = function.func
    return function.__module__, function.__qualname__.split(".")[0]


@functools.cache
def reaches_audit(place: Place) -> bool:
    """Return whether a definition, or what it names, is a service that audits."""
    seen, waiting = {place}, [place]
    while waiting:
        now = waiting.pop()
        if is_auditing(now):
            return True
        for one in list_references(now):
            if one not in seen:
                seen.add(one)
                waiting.append(one)
    return False
