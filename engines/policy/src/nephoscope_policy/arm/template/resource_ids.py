"""The ids of planned resources, as Azure names them."""

from __future__ import annotations

import msgspec

from nephoscope_policy.arm.text_patterns import is_open


class PlannedName(msgspec.Struct, frozen=True):
    """A resource's id, the scope or resource that it stands in, its type and its short name; texts may be patterns."""

    id: str
    container: str
    type: str
    name: str


class NamingError(ValueError):
    """Type and name of a resource do not fit together; `lacking` counts the parents' names that are missing before the name."""

    def __init__(self, message: str, lacking: int = 0) -> None:
        super().__init__(message)
        self.lacking = lacking


def build_full_type(type_: str, parent: str) -> str:
    """The type of a resource that is nested in one of the type `parent` ('' = in none)."""
    if not parent or ("." in type_.partition("/")[0] and "/" in type_):
        return type_
    return f"{parent}/{type_}"


def build_full_name(name: str, type_: str, parent: str, parent_name: str) -> str:
    """The name with its parents' names: of a nested resource it may be written with or without them."""
    if not parent or name.count("/") == type_.count("/") - 1:
        return name
    return f"{parent_name}/{name}"


def name_resource(scope: str, type_: str, name: str) -> PlannedName:
    """The id of a resource by its full type and name below the id of a scope or resource; raises NamingError."""
    namespace, *types = type_.removesuffix("/").split("/")
    names = name.split("/")
    if not types or "" in types or not namespace:
        raise NamingError(f"{type_!r} is not a resource type such as Microsoft.Network/virtualNetworks")
    if len(types) != len(names):
        if not is_open(name):
            raise NamingError(
                f"the name {name!r} has {len(names)} parts, but the type {type_} needs {len(types)}: "
                "write the parents' names before it, divided by /",
                len(types) - len(names),
            )
        names = [*names[: len(types) - 1], "/".join(names[len(types) - 1 :])]
        names += [f"{name}"] * (len(types) - len(names))
    if types == ["resourceGroups"] and namespace.lower() == "microsoft.resources" and scope.count("/") == 2:
        return PlannedName(f"{scope}/resourceGroups/{name}", scope, type_, name)
    return _build_planned_name(
        f"{scope}/providers/{namespace}", scope, namespace, list(zip(types, names, strict=True))
    )


def _build_planned_name(
    text: str, container: str, namespace: str, pairs: list[tuple[str, str]]
) -> PlannedName:
    own, name, extends = namespace, "", True
    for part, name in pairs:
        if part.lower() == "providers":
            container, own, extends = text, name, True
        else:
            container, own, extends = (container if extends else text), f"{own}/{part}", False
        text += f"/{part}/{name}"
    return PlannedName(text, container, own, name)
