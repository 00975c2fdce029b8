"""The OpenAPI document of the own API, made from its routes.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from nephoscope import __version__
from nephoscope.admin.wire.route import PREFIX, Route, list_routes, load_sections
from nephoscope.operations.declaration.schemas import Error

_REFERENCE = "#/components/schemas/{name}"
_MEANING = {
    400: "The request does not match the schema.",
    401: "The credential is missing or invalid.",
    403: "The caller's roles do not include this operation.",
    404: "Not found.",
    409: "The operation conflicts with the current state.",
    413: "The request is too large.",
    415: "The request is not JSON.",
    429: "Too many requests; Retry-After contains the delay.",
    503: "The state or the lake is unavailable.",
}


@cache
def build_document() -> dict[str, object]:
    """The document."""
    shapes = [one for route in list_routes() for one in (route.body, route.answer) if one is not None]
    _, components = msgspec.json.schema_components([*dict.fromkeys(shapes), Error], ref_template=_REFERENCE)
    paths: dict[str, dict[str, object]] = {}
    for route in list_routes():
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _describe_operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nephoscope",
            "version": __version__,
            "description": (
                "Access, connections and status of the server. Azure's REST surfaces are available next "
                "to this API."
            ),
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": one.name, "description": one.title} for one in load_sections()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _describe_operation(route: Route) -> dict[str, object]:
    description: dict[str, object] = {
        "operationId": route.name,
        "tags": [route.section],
        "summary": route.doc,
        "description": f"Needs `{route.permission}`.",
        "responses": _describe_responses(route),
    }
    if parameters := [*_describe_path_parameters(route), *_build_query_parameters(route)]:
        description["parameters"] = parameters
    if route.body is not None:
        description["requestBody"] = {"required": True, "content": _describe_content(route.body)}
    return description


def _describe_path_parameters(route: Route) -> list[dict[str, object]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(type_)}
        for name, type_ in route.parameters.items()
    ]


def _build_query_parameters(route: Route) -> list[dict[str, object]]:
    if route.query is None:
        return []
    schema = msgspec.json.schema(route.query)["$defs"][route.query.__name__]
    needed = schema.get("required", ())
    return [
        {
            "name": name, "in": "query", "required": name in needed, "schema": one,
            "description": one.get("description", ""), **({"explode": False} if one.get("type") == "array" else {}),
        }
        for name, one in schema["properties"].items()
    ]  # fmt: skip


def _describe_responses(route: Route) -> dict[str, object]:
    good: dict[str, object] = {"description": route.doc}
    if route.answer is not None:
        good["content"] = _describe_content(route.answer)
    wrong = [400, 401, 403, 429, 503]
    wrong += [404] if _may_return_not_found(route) else []
    wrong += [409] if route.changes else []
    wrong += [413, 415] if route.body is not None else []
    error = _describe_content(Error)
    return {
        str(route.status): good,
        **{str(one): {"description": _MEANING[one], "content": error} for one in sorted(wrong)},
    }


def _may_return_not_found(route: Route) -> bool:
    """Return whether what a route is about need not be there: what a path, body or query names, or the one thing that it is about.

    A list that takes nothing is there, be it empty.
    """
    takes = bool(route.parameters) or route.body is not None or route.query is not None
    return takes or "value" not in getattr(route.answer, "__struct_fields__", ())


def _describe_content(shape: Any) -> dict[str, object]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(name=shape.__name__)}}}
