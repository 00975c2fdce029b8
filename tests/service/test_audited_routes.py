"""Every operation, route and form that changes something reaches a service call that audits it, or says here why it has no entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.service.call_graph import find_place, is_auditing, reaches_audit

from nephoscope.admin.wire.route import list_routes
from nephoscope.api.wire.operation import OperationRegistry
from nephoscope.operations.declaration.discovery import load_operation_groups
from nephoscope.web.all_pages import list_pages

#: What has another permission than one of reading, and changes nothing that people decide.
OPERATIONS: dict[str, str] = {
    "threat_intelligence.refresh_tables": "rows of the lake are written again from what the state holds; people decide nothing",
    "tenants.print_grant_script": "writes the script by which somebody else grants access, and changes nothing itself",
    "azure_captures.query": "reads the state by POST, as Azure's own API does: the capture's ID is in the body",
}
ROUTES = {
    "POST /networkWatcherCaptures/status": "reads the state by POST, with the permission of reading",
    "POST /tenantGrants": "answers a script by POST, with the permission of reading",
}
_COLLECTED = ("Microsoft.PolicyInsights", "Microsoft.Security", "Microsoft.SecurityInsights")
API = {
    **{
        f"{method} {{scope}}/providers/{provider}/{{rest}}": "refused: not assessed"
        for provider in _COLLECTED for method in ("PUT", "PATCH", "POST", "DELETE")
    },
    "POST {scope}/providers/Microsoft.Security/governanceRules/{governanceRulesName}/execute": "a rule holds from when it is put",
    "POST /subscriptions/{subscriptionId}/providers/{resourceProviderNamespace}/register": "nothing is registered",
}  # fmt: skip
PAGES = {"/logs/editor/{what}": "completes and checks a query"}


def find_operations() -> dict[str, Callable[..., object]]:
    return {
        f"{name}.{one.name}": one.function
        for name, group in load_operation_groups().items()
        for one in group.operations
        if not one.permission.lower().endswith("/read") or (one.api is not None and one.api.method != "GET")
    }


def find_routes() -> dict[str, Callable[..., object]]:
    return {f"{one.method} {one.path}": one.handler for one in list_routes() if one.changes}


def find_api() -> dict[str, Callable[..., object]]:
    return {
        f"{one.method} {one.template.text}": one.handler
        for one in OperationRegistry.load_all_operations()
        if (one.changes or one.method in ("PUT", "PATCH", "DELETE"))
        and not one.permission.lower().endswith("/read")
    }


def find_pages() -> dict[str, Callable[..., object]]:
    """The pages that take forms; those of sections call operations, which are found by themselves."""
    of_sections = ("{act}", "{key:path}")
    return {
        one.path: one.filled
        for one in list_pages()
        if "POST" in one.methods and not one.path.endswith(of_sections)
    }


FACES: Mapping[str, tuple[Callable[[], dict[str, Callable[..., object]]], Mapping[str, str]]] = {
    "operations": (find_operations, OPERATIONS), "own API": (find_routes, ROUTES), "Azure's APIs": (find_api, API),
    "pages": (find_pages, PAGES),
}  # fmt: skip


def test_what_changes_something_reaches_a_service_that_audits() -> None:
    """All faces in one test: they reach the same services, and none is left to the full counts."""
    found = {face: find() for face, (find, _) in FACES.items()}
    assert all(len(of_face) > 10 for of_face in found.values())
    without_entry = {
        face: {name for name, one in of_face.items() if not reaches_audit(find_place(one))}
        for face, of_face in found.items()
    }
    assert without_entry == {face: set(without) for face, (_, without) in FACES.items()}


def test_a_function_that_calls_no_service_is_found() -> None:
    assert not reaches_audit(("nephoscope.operations.tenants", "list_required_rights"))
    assert reaches_audit(("nephoscope.operations.tenants", "remove_tenant"))
    assert is_auditing(("nephoscope.service.tenants", "remove_tenant"))
    assert not is_auditing(("nephoscope.service.tenants", "check_connection"))
