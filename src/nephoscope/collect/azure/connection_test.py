"""Connection test: reachable endpoints and missing permissions of the identity."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from nephoscope.collect.azure.arm_get import ArmGet, FailedRequest
from nephoscope.collect.azure.checkpoint import Checkpoint
from nephoscope.collect.azure.collected_ids import CollectedIds
from nephoscope.collect.azure.collection_gaps import CollectionGaps, parse_refusal
from nephoscope.collect.azure.collection_settings import CollectionSettings
from nephoscope.collect.azure.microsoft_graph import KINDS
from nephoscope.collect.azure.permissions import Permissions
from nephoscope.collect.azure.readable_scopes import read_permissions
from nephoscope.collect.azure.required_permissions import PermissionProvider, RequiredPermission
from nephoscope.collect.azure.resource_graph import ResourceGraph
from nephoscope.collect.azure.visible_scopes import (
    VisibleScope,
    add_missing_scopes,
    build_group_id,
    find_visible_scope,
)
from nephoscope.connect.credentials import SignInError, TokenProvider
from nephoscope.connect.read_only_client import RequestError, RestClient
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE

ATTEMPTS, WORKERS = 2, 8


class GroupTrial(msgspec.Struct, frozen=True):
    """A resource group of which more may be read than of the subscription around it: its lower-cased id, and what is lacking in it."""

    id: str
    name: str
    lacks: tuple[str, ...] = ()


class SubscriptionTrial(msgspec.Struct, frozen=True):
    """Test of a subscription (a lower-cased GUID): whether all of it can be read, else why, and the missing actions.

    `groups` are its resource groups that can be read although the subscription cannot, or not with all actions.
    """

    id: str
    name: str
    answers: bool
    reason: str = ""
    lacks: tuple[str, ...] = ()
    groups: tuple[GroupTrial, ...] = ()


class PermissionTrial(msgspec.Struct, frozen=True):
    """Test of an application permission of Microsoft Graph: whether it is granted, else Graph's reason."""

    name: str
    granted: bool
    reason: str = ""


class ConnectionTrial(msgspec.Struct, frozen=True):
    """Result of a connection test; `error` where the test itself failed."""

    when: datetime
    error: str = ""
    subscriptions: tuple[SubscriptionTrial, ...] = ()
    permissions: tuple[PermissionTrial, ...] = ()

    @property
    def groups(self) -> int:
        """Count how many resource groups are read in subscriptions that are not read whole."""
        return sum(len(one.groups) for one in self.subscriptions)

    @property
    def works(self) -> bool:
        """Return whether everything that was asked for may be read."""
        whole = all(one.answers and not one.lacks for one in self.subscriptions)
        return (
            not self.error
            and bool(self.subscriptions)
            and whole
            and all(one.granted for one in self.permissions)
        )


@dataclass(frozen=True, slots=True)
class _Clients:
    settings: CollectionSettings
    manager: RestClient
    directory: RestClient
    checkpoint: Checkpoint


def try_connection(settings: CollectionSettings, rights: tuple[RequiredPermission, ...]) -> ConnectionTrial:
    """Sign in, list the subscriptions of the scope, and ask of each what may be read in it."""
    now = datetime.now(UTC)
    try:
        with _open_clients(settings) as clients, ThreadPoolExecutor(WORKERS, "trial") as pool:
            actions = tuple(one.name for one in rights if one.place is PermissionProvider.AZURE)
            asked = _map_permissions(rights) if settings.graph else {}
            granted = pool.map(lambda pair: _test_permission(clients, *pair), asked.items())
            return ConnectionTrial(
                now, "", tuple(_test_subscriptions(clients, actions, pool)), tuple(granted)
            )
    except (RequestError, SignInError) as error:
        return ConnectionTrial(now, str(error))


@contextmanager
def _open_clients(settings: CollectionSettings) -> Iterator[_Clients]:
    tenant = next(iter(settings.scope.tenants), "")
    source, cloud = settings.find_credential(tenant), settings.cloud
    manager = RestClient(
        cloud.resource_manager, TokenProvider(source, cloud.resource_manager_scope), attempts=ATTEMPTS
    )
    directory = RestClient(cloud.graph, TokenProvider(source, cloud.graph_scope), attempts=ATTEMPTS)
    with tempfile.TemporaryDirectory(prefix="nephoscope-trial-") as folder:
        checkpoint = Checkpoint.begin(Path(folder), "trial", "", resume=False)
        try:
            yield _Clients(settings, manager, directory, checkpoint)
        finally:
            checkpoint.close()
            manager.close()
            directory.close()


def _test_subscriptions(
    clients: _Clients, actions: tuple[str, ...], pool: ThreadPoolExecutor
) -> Iterator[SubscriptionTrial]:
    names, gaps = _Names(), CollectionGaps()
    seen = _list_visible_scope(clients, names, gaps)
    refused = {gap.scope.rpartition("/")[2]: gap.reason for gap in gaps.sorted_gaps if gap.scope}
    unread = next((gap for gap in gaps.sorted_gaps if not gap.scope), None)
    if unread is not None:
        raise RequestError(str(unread))
    if not seen.subscriptions and not refused:
        raise RequestError(
            "the sign-in succeeded, but no subscription is visible: assign the role Reader on at least one"
        )
    found = pool.map(
        lambda id_: _test_subscription(
            clients, id_, names.find_display_name(f"/subscriptions/{id_}"), actions
        ),
        sorted(seen.subscriptions),
    )
    yield from _test_scopes(clients, tuple(found), seen, names, actions, pool)
    for id_ in sorted(set(refused) - seen.subscriptions):
        yield SubscriptionTrial(id_, id_, False, refused[id_])


def _list_visible_scope(clients: _Clients, names: _Names, gaps: CollectionGaps) -> VisibleScope:
    """The subscriptions of the scope and the resource groups in them, as the sign-in sees them."""
    scope = clients.settings.scope
    reader = ResourceGraph(clients.manager, clients.checkpoint, names.add_body)
    wanted = frozenset({SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE})
    seen = find_visible_scope(next(iter(scope.tenants), ""), scope, wanted, reader, names, gaps)
    add_missing_scopes(scope, [seen], gaps)
    return seen


class _Names(CollectedIds):
    """Holdings that keep the names of subscriptions and resource groups by their lower-cased ids."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, str] = {}

    def add_body(self, body: dict[str, object]) -> None:
        """Note a row of the containers."""
        super().add_body(body)
        properties = body.get("properties")
        shown = properties.get("displayName") if isinstance(properties, dict) else ""
        self._names[str(body.get("id") or "").lower()] = str(shown or body.get("name") or "")

    def find_display_name(self, id_: str) -> str:
        """The name of a subscription or resource group, the last word of its id where it has none."""
        return self._names.get(id_) or id_.rpartition("/")[2]


def _test_subscription(clients: _Clients, id_: str, name: str, actions: tuple[str, ...]) -> SubscriptionTrial:
    granted = _read_permissions(clients, f"/subscriptions/{id_}")
    if isinstance(granted, FailedRequest):
        lacks = (granted.permission,) if granted.permission else ()
        return SubscriptionTrial(id_, name, False, granted.reason, lacks)
    return SubscriptionTrial(id_, name, True, "", _list_missing_actions(granted, actions))


def _test_scopes(
    clients: _Clients,
    found: Sequence[SubscriptionTrial],
    seen: VisibleScope,
    names: _Names,
    actions: tuple[str, ...],
    pool: ThreadPoolExecutor,
) -> Iterator[SubscriptionTrial]:
    """The subscriptions with the groups that a collection reads beside them, as `Bounds.widen` finds these."""
    lacking = {one.id: set(one.lacks if one.answers else actions) for one in found}
    asked = [pair for pair in sorted(seen.groups) if lacking.get(pair.partition("/")[0])]
    answered = pool.map(lambda pair: _read_permissions(clients, build_group_id(pair)), asked)
    groups: dict[str, list[GroupTrial]] = {one.id: [] for one in found}
    for pair, granted in zip(asked, answered, strict=True):
        around = pair.partition("/")[0]
        if isinstance(granted, Permissions) and any(map(granted.allows, lacking[around])):
            id_ = build_group_id(pair)
            groups[around].append(
                GroupTrial(id_, names.find_display_name(id_), _list_missing_actions(granted, actions))
            )
    return (replace(one, groups=tuple(groups[one.id])) for one in found)


def _read_permissions(clients: _Clients, scope: str) -> Permissions | FailedRequest:
    rows: list[dict[str, object]] = []
    return read_permissions(ArmGet(clients.manager, clients.checkpoint, rows.append), scope)


def _list_missing_actions(granted: Permissions, actions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in actions if not granted.allows(one))


def _map_permissions(rights: tuple[RequiredPermission, ...]) -> dict[str, str]:
    """Permission -> a path of Graph that is answered with it alone."""
    found = {}
    for one in rights:
        if one.place is PermissionProvider.GRAPH:
            path = KINDS[one.type].path
            found[one.name] = path.replace("$top=999", "$top=1")
    return found


def _test_permission(clients: _Clients, permission: str, path: str) -> PermissionTrial:
    answer = clients.directory.get(path, permission)
    if answer.ok:
        return PermissionTrial(permission, True)
    return PermissionTrial(permission, False, parse_refusal(answer, permission)[0])
