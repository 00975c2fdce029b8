"""The estates of a data folder, each tenant's versions in a table of its own: ids outside subscriptions are a tenant's own.

The table of the first tenant lies at `<data>/estate/resources`, where releases before kept that of all; those of others at
`<data>/estate/tenants/<tenant>`. Which tenant the first one is of stands in `<data>/estate/tenant.json`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.corrupt_file_errors import translate_damage
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore, StoreError
from nephoscope.model.atomic_file import replace_content
from nephoscope.model.tenant_name import is_tenant_stated
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope_policy.model.resource import Resource

_OWNER = "tenant.json"
_NAME = re.compile(r"[0-9a-z][0-9a-z._-]{0,127}")


class StoreOwner(msgspec.Struct, frozen=True):
    """Tenant of the first table; '' is one that no snapshot named."""

    tenant: str


def open_tenant_store(data: Path, estate: Estate) -> EstateStore:
    """The store of an estate's tenant; raises StoreError for a tenant whose id cannot name a folder."""
    tenant = estate.tenant
    owner = _read_owner(data)
    if owner is None:
        owner = StoreOwner(tenant) if _may_own_table(data, estate) else StoreOwner("")
        _write_owner(data, owner)
    if owner.tenant == tenant:
        return EstateStore(data)
    name = tenant or "unnamed"
    if not _NAME.fullmatch(name):
        raise StoreError(f"{tenant!r} is not a tenant id: use letters, digits, '.', '-' and '_'")
    store = EstateStore(data, f"tenants/{name}/resources")
    if store.exists or not is_tenant_stated(tenant):
        return store
    return _take_over_table(data, owner, estate) or store


def _take_over_table(data: Path, owner: StoreOwner, estate: Estate) -> EstateStore | None:
    """The table that was kept of a tenant before its id was known, now under the id; None where there is none."""
    if not is_tenant_stated(owner.tenant) and _holds_subscriptions(EstateStore(data), estate):
        _write_owner(data, StoreOwner(estate.tenant))
        return EstateStore(data)
    folder = data / "estate" / "tenants"
    for path in sorted(folder.glob("*/resources")):
        name = path.parent.name
        if not is_tenant_stated(name) and _holds_subscriptions(
            EstateStore(data, f"tenants/{name}/resources"), estate
        ):
            path.parent.rename(folder / estate.tenant)
            return EstateStore(data, f"tenants/{estate.tenant}/resources")
    return None


def _holds_subscriptions(store: EstateStore, estate: Estate) -> bool:
    """Return whether a table holds subscriptions, all of them an estate's."""
    held = {f"/subscriptions/{one}" for one in store.list_subscriptions()} if store.exists else set()
    return bool(held) and held <= set(estate.subscriptions)


def read_kept_tenants(data: Path) -> dict[str, str]:
    """The tenant of each lower-cased subscription that a data folder holds, by the newest names; empty where it cannot be read.

    A tenant without a name of which a directory alone is kept stands under ''.
    """
    with suppress(StoreError), translate_damage(data, ""):
        stores = [(store.tenant, store.list_subscriptions()) for store in open_kept_stores(data)]
        stores.sort(key=lambda one: (is_tenant_stated(one[0]), one[0]))
        kept = {"": ""} if any(not tenant and not held for tenant, held in stores) else {}
        return kept | {one: tenant for tenant, held in stores for one in held}
    return {}


def find_first_tenant(data: Path) -> str:
    """The tenant that was kept first, '' where none was or no snapshot named it."""
    owner = _read_owner(data)
    return "" if owner is None else owner.tenant


def open_tenant_stores(data: Path) -> tuple[EstateStore, ...]:
    """The stores of all tenants as they are now, the first one first: without those that newer ones supersede."""
    stores = open_kept_stores(data)
    superseded = _find_superseded(tuple((store.path, store.version) for store in stores), data)
    return tuple(store for store in stores if store.path not in superseded)


def open_kept_stores(data: Path) -> tuple[EstateStore, ...]:
    """The stores of all tenants that a snapshot was kept of, superseded ones for their history, the first one first."""
    folders = sorted(path.parent.name for path in (data / "estate" / "tenants").glob("*/resources"))
    found = [EstateStore(data), *(EstateStore(data, f"tenants/{name}/resources") for name in folders)]
    return tuple(store for store in found if store.exists)


@lru_cache(maxsize=16)
def _find_superseded(versions: tuple[tuple[Path, int], ...], data: Path) -> frozenset[Path]:
    """The tables of unstated tenants whose subscriptions all lie in newer tables: exports of several were kept as one.

    They hold principals of several tenants, and what they say of each is older than what its own table says.
    """
    stores = open_kept_stores(data) if len(versions) > 1 else ()
    unstated = [one for one in stores if not is_tenant_stated(one.tenant)]
    held = {
        one.path: (_get_newest_time(one), one.list_subscriptions()) for one in (stores if unstated else ())
    }
    found: set[Path] = set()
    for one in unstated:
        at, own = held[one.path]
        newer = (subscriptions for when, subscriptions in held.values() if when > at)
        if own and own <= frozenset().union(*newer):
            found.add(one.path)
    return frozenset(found)


def _get_newest_time(store: EstateStore) -> datetime:
    return max((one.at for one in store.list_snapshots()), default=datetime.min.replace(tzinfo=UTC))


def iterate_current(data: Path) -> Iterator[Resource]:
    """The newest version of every resource of every tenant, as a stream; an id outside subscriptions may come once a tenant."""
    for store in open_tenant_stores(data):
        yield from store.iterate_current()


def load_subscription_estate(data: Path) -> Estate:
    """Return what lies in the subscriptions of all tenants, for look-ups by address or id; it claims to have read nothing."""
    found = (one for one in iterate_current(data) if one.id.subscription)
    return Estate.of(found, Coverage({}), derives=False)


def load_newest(data: Path) -> tuple[Estate, ...]:
    """The newest estate of every tenant, with what was known of it."""
    return tuple(store.load_estate() for store in open_tenant_stores(data) if store.list_snapshots())


def build_version_mark(data: Path) -> str:
    """A text that is another one whenever a snapshot was added, '' where there is none."""
    newest = [store.list_snapshots()[-1:] for store in open_tenant_stores(data)]
    return " ".join(f"{one.sequence}-{one.hash}" for several in newest for one in several)


def _read_owner(data: Path) -> StoreOwner | None:
    path = data / "estate" / _OWNER
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoreOwner)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise StoreError(
            f'{path}: damaged ({error}); it must contain {{"tenant": ID}}, the tenant of the table in the same folder'
        ) from error


def _write_owner(data: Path, owner: StoreOwner) -> None:
    folder = data / "estate"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_content(folder / _OWNER, msgspec.json.encode(owner))


def _may_own_table(data: Path, estate: Estate) -> bool:
    """Return whether a table that nobody owns may be the tenant's: it is not there yet, or all of its subscriptions
    are the tenant's."""
    store = EstateStore(data)
    if not store.exists:
        return True
    stored = {one.key for one in store.iterate_current() if one.type == SUBSCRIPTION_TYPE}
    return stored <= set(estate.subscriptions)
