"""Check that resources of Azure DevOps pipelines are granted per pipeline and sign in to Azure without stored keys.

A service connection, a variable group with secrets, a secure file or a pool of own agents that is open to all pipelines is open
to whoever may create one. A service connection with a client secret or certificate holds a key for as long as it is valid;
workload identity federation and managed identities hold none. An environment without a check deploys whatever a pipeline brings.

Source: https://learn.microsoft.com/rest/api/azure/devops/approvalsandchecks/pipeline-permissions, .../serviceendpoint/endpoints
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_by_parts, assess_parts, get_nested_value
from nephoscope.estate.devops_documents import (
    AGENT_QUEUES,
    AZURE_DEVOPS_PROJECT,
    CHECKS,
    ENVIRONMENTS,
    PIPELINE_PERMISSIONS,
    SECURE_FILES,
    SERVICE_CONNECTIONS,
    VARIABLE_GROUPS,
    get_document,
    get_member,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_PROJECT = (AZURE_DEVOPS_PROJECT.lower(),)
CONNECTIONS = Key(
    "9245366d-393f-49c5-b8e6-258b1b1c2daa",
    "Service connections should not grant access to all pipelines",
    _PROJECT,
)
GROUPS = Key(
    "2c2c801e-6279-4d88-a419-af73f0eff4fb",
    "Variable groups with secrets should not grant access to all pipelines",
    _PROJECT,
)
FILES = Key(
    "6855e9b1-c493-4a43-a6d1-74f30e72c5af", "Secure files should not grant access to all pipelines", _PROJECT
)
CLASSIC = Key(
    "a887e860-40ff-4b57-9ef9-5177a11091ac", "Service connections should not use classic Azure", _PROJECT
)
FEDERATED = Key(
    "30010e32-0aca-5857-8ae6-8e2b2942b2af",
    "Service connections should sign in to Azure without a stored key",
    _PROJECT,
)
QUEUES = Key(
    "39ee8a23-26a5-5729-bbc0-b0719fab7caa",
    "Pools of self-hosted agents should not grant access to all pipelines",
    _PROJECT,
)
CHECKED = Key(
    "0000721e-bf82-5941-b3bd-112fd0e30a84", "Environments should have approvals or checks", _PROJECT
)
KEYS = index_keys(CONNECTIONS, GROUPS, FILES, CLASSIC, FEDERATED, QUEUES, CHECKED)
TYPES = (
    *_PROJECT, SERVICE_CONNECTIONS.lower(), VARIABLE_GROUPS.lower(), SECURE_FILES.lower(), AGENT_QUEUES.lower(), ENVIRONMENTS.lower(),
    PIPELINE_PERMISSIONS.lower(), CHECKS.lower(),
)  # fmt: skip

_KEYLESS = frozenset({"workloadidentityfederation", "managedserviceidentity"})
_AZURE = "azurerm"


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every project under each key."""

    def assess(
        key: Key,
        type_: str,
        counts: Callable[[Resource], bool],
        is_bad: Callable[[Resource], bool],
        words: tuple[str, str],
    ) -> Iterable[Assessment]:
        def _assess_project(project: Resource, asked: Key) -> Assessment:
            parts = [one for one in require_documents(view, type_, project.key) if counts(one)]
            return assess_parts(project, asked, [one for one in parts if is_bad(one)], len(parts), words)

        return assess_by_parts(view, AZURE_DEVOPS_PROJECT, key, _assess_project)

    def is_open(part: Resource) -> bool:
        permissions = get_document(view, PIPELINE_PERMISSIONS, part.key)
        return get_nested_value(permissions, "allPipelines", "authorized") is True

    def is_unchecked(environment: Resource) -> bool:
        checks = require_documents(view, CHECKS, environment.key)
        return not any(require_complete(one).get("isDisabled") is not True for one in checks)

    open_words = "open to all pipelines"
    yield from assess(
        CONNECTIONS, SERVICE_CONNECTIONS, _accept_every_resource, is_open, ("service connections", open_words)
    )
    yield from assess(
        GROUPS, VARIABLE_GROUPS, _holds_secrets, is_open, ("variable groups with secrets", open_words)
    )
    yield from assess(FILES, SECURE_FILES, _accept_every_resource, is_open, ("secure files", open_words))
    yield from assess(
        CLASSIC,
        SERVICE_CONNECTIONS,
        _accept_every_resource,
        _is_classic,
        ("service connections", "of classic Azure"),
    )
    yield from assess(
        FEDERATED, SERVICE_CONNECTIONS, _is_azure, _has_key, ("connections to Azure", "with a stored key")
    )
    yield from assess(QUEUES, AGENT_QUEUES, _is_own_queue, is_open, ("pools of own agents", open_words))
    yield from assess(
        CHECKED, ENVIRONMENTS, _accept_every_resource, is_unchecked, ("environments", "without a check")
    )


def _accept_every_resource(_: Resource) -> bool:
    return True


def _read_type(connection: Resource) -> str:
    return str(get_member(require_complete(connection), "type", connection.key)).lower()


def _is_azure(connection: Resource) -> bool:
    return _read_type(connection) == _AZURE


def _is_classic(connection: Resource) -> bool:
    return _read_type(connection) == "azure"


def _has_key(connection: Resource) -> bool:
    authorization: object = get_member(require_complete(connection), "authorization", connection.key)
    scheme = get_member(authorization if isinstance(authorization, dict) else {}, "scheme", connection.key)
    return str(scheme).lower() not in _KEYLESS


def _holds_secrets(group: Resource) -> bool:
    members = require_complete(group)
    if str(members.get("type", "")).lower() == "azurekeyvault":
        return True
    variables = members.get("variables")
    values = variables.values() if isinstance(variables, dict) else ()
    return any(get_nested_value(one, "isSecret") is True for one in values)


def _is_own_queue(queue: Resource) -> bool:
    return get_nested_value(require_complete(queue), "pool", "isHosted") is False
