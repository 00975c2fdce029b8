"""Targets of scanner results: the machine or image that the importer names, an id in the results, or names in the estate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.estate_index import MACHINES
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.image_name import ImageReference
from nephoscope.entity_context import EntityContexts
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state.inventory.subject import SubjectFilter, SubjectKind
from nephoscope.vulnerability.scanner_results.refused_records import RecordRefusedError
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from nephoscope.alerts.investigation.estate_index import EstateIndex
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.subject import InventorySubject
    from nephoscope.vulnerability.scanner_results.scanner_report import ReportedTarget

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_SAY_WHICH = "import it with --resource ID, or with --host NAME where it has no id in ARM"


@dataclass(frozen=True, slots=True)
class ResultsOrigin:
    """Origin of a file of results and the time of its scan, where the importer states them.

    `resource` is the id in ARM of the machine, or of the registry of the image; `host` names a machine without such an id.
    """

    resource: str = ""
    host: str = ""
    image: str = ""
    tenant: str = ""
    scanned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScannedThing:
    """A machine or an image that results are of, as an inventory names it."""

    kind: SubjectKind
    tenant: str
    key: str
    name: str
    resource_id: str = ""
    login_server: str = ""
    repository: str = ""
    digest: str = ""
    tags: tuple[str, ...] = ()


class TargetResolver:
    """Finds the machines and images that results are of; reads the estate when it is first asked for a name."""

    def __init__(self, context: ServiceContext, origin: ResultsOrigin, targets: int) -> None:
        self._context, self._origin, self._targets = context, origin, targets
        self._indexes: list[EstateIndex] | None = None

    def resolve(self, target: ReportedTarget) -> ScannedThing:
        """Return what a target is. Raises RecordRefusedError with what to do where nobody can tell."""
        origin = self._origin
        if (origin.image or origin.host) and self._targets > 1:
            raise RecordRefusedError(
                f"the file covers {self._targets:,} machines and images: remove --image and --host"
            )
        if origin.image or (target.kind == "image" and not origin.host):
            return self._build_image(target)
        if origin.host:
            return ScannedThing(SubjectKind.MACHINE, origin.tenant.lower(), origin.host.lower(), origin.host)
        if origin.resource:
            if self._targets > 1:
                raise RecordRefusedError(
                    f"the file covers {self._targets:,} machines: remove --resource, or split the file"
                )
            return self._build_machine(origin.resource, target)
        if target.kind != "machine":
            raise RecordRefusedError(
                "the result does not name its target: import it with --resource ID or --image IMAGE"
            )
        return self._build_found_machine(target)

    def _build_found_machine(self, target: ReportedTarget) -> ScannedThing:
        if target.resource_id:
            return self._build_machine(target.resource_id, target)
        if not target.host_names and not target.addresses:
            raise RecordRefusedError(f"the result does not name its machine: {_SAY_WHICH}")
        found, kept = self._find_machines(target), self._list_kept_hosts(target)
        if len(found) == 1 and not kept:
            return self._build_machine(next(iter(found)), target)
        if len(kept) == 1 and not found:
            one = kept[0]
            return ScannedThing(one.kind, one.tenant, one.key, one.name)
        called = ", ".join(dict.fromkeys((target.name, *target.host_names, *target.addresses)))
        count = len(found) + len(kept)
        problem = (
            f"{count:,} machines match {called}" if count else f"no machine of the estate matches {called}"
        )
        raise RecordRefusedError(f"{problem}: {_SAY_WHICH}")

    def _find_machines(self, target: ReportedTarget) -> set[str]:
        """Return the ids of the machines that go by the names of a target, else, where it has none, by its addresses."""
        names = {name for one in target.host_names for name in _list_spellings(one)}
        if not names:
            return {id_ for one in target.addresses for id_ in self._find_by_address(one.lower())}
        found = {
            one.key for index in self._load_estate() for name in names for one in index.machines.get(name, ())
        }
        if len(found) > 1:
            narrowed = {id_ for one in target.addresses for id_ in self._find_by_address(one.lower())} & found
            return narrowed or found
        return found

    def _find_by_address(self, address: str) -> Iterable[str]:
        holders = (one for index in self._load_estate() for one in index.addresses.get(address, ()))
        return (one.key for one in holders if one.type in MACHINES)

    def _list_kept_hosts(self, target: ReportedTarget) -> list[InventorySubject]:
        """Return the machines without an id in ARM that are kept by a name of a target."""
        found: dict[tuple[str, SubjectKind, str], InventorySubject] = {}
        for name in target.host_names:
            wanted = SubjectFilter(EVERYTHING, SubjectKind.MACHINE, self._origin.tenant, resource=name)
            for one in self._context.state.inventories.list_subjects(wanted):
                if not one.resource_id and one.key == name.lower():
                    found[one.identity] = one
        return list(found.values())

    def _build_machine(self, id_: str, target: ReportedTarget) -> ScannedThing:
        resource = _parse_resource(id_)
        name = target.host_names[0] if target.host_names else resource.key.rpartition("/")[2]
        return ScannedThing(
            SubjectKind.MACHINE, self._find_tenant(resource), resource.key, name, resource.key
        )

    def _find_tenant(self, resource: ResourceId) -> str:
        """Return the tenant of a resource: the one that was told, else that of a scan that is kept, else that of its estate."""
        if self._origin.tenant:
            return self._origin.tenant.lower()
        kept = self._context.state.inventories.list_subjects(SubjectFilter(EVERYTHING, resource=resource.key))
        known = next((one.tenant for one in kept if one.resource_id == resource.key), None)
        if known is not None:
            return known
        found = (
            one.tenant
            for one in self._load_estate()
            if resource.subscription.rpartition("/")[2] in one.subscriptions
        )
        return next(found, "").lower()

    def _build_image(self, target: ReportedTarget) -> ScannedThing:
        every = self._find_named_image(target)
        kept = self._list_kept_images(every)
        if len(kept) == 1 and not self._origin.resource:
            one = kept[0]
            return ScannedThing(
                one.kind, one.tenant, one.key, one.name, one.resource_id, one.login_server, one.repository, one.digest, one.tags
            )  # fmt: skip
        host, repository, digest = every[0]
        resource = _parse_resource(self._origin.resource).key if self._origin.resource else ""
        tags = tuple(sorted({tag for one in target.tags if (tag := _parse_tag(one))}))
        place = f"{host}/{repository}"
        name = f"{place}:{tags[0]}" if tags else f"{place}@{digest}"
        tenant = self._find_tenant(ResourceId.parse(resource)) if resource else self._origin.tenant.lower()
        key = f"{place}@{digest}".lower()
        return ScannedThing(
            SubjectKind.IMAGE, tenant, key, name, resource, host.lower(), repository, digest, tags
        )

    def _find_named_image(self, target: ReportedTarget) -> list[tuple[str, str, str]]:
        """Return the host, repository and digest of an image, by each of its names that has a digest."""
        asked = (self._origin.image,) if self._origin.image else (*target.digests, target.name)
        found = [one for text in asked if (one := _parse_reference(text)) is not None]
        if self._origin.image and not found:
            wanted = SubjectFilter(EVERYTHING, SubjectKind.IMAGE, image=self._origin.image)
            held = {
                (one.login_server, one.repository, one.digest)
                for one in self._context.state.inventories.list_subjects(wanted)
            }
            reported = {one[2]: one for text in target.digests if (one := _parse_reference(text)) is not None}
            found = sorted(one for one in held if one[2] in reported or not reported)
            if len(found) > 1:
                raise RecordRefusedError(f"{len(found):,} images match {self._origin.image}: use the digest")
            found = found or list(reported.values())
        if not found:
            raise RecordRefusedError(
                "the result has no digest of the image: import it with --image REPOSITORY@sha256:..., or scan it from its registry"
            )
        return found

    def _list_kept_images(self, names: Iterable[tuple[str, str, str]]) -> list[InventorySubject]:
        """Return an image that is kept already for each of some names."""
        found: dict[tuple[str, SubjectKind, str], InventorySubject] = {}
        for host, repository, digest in names:
            wanted = SubjectFilter(EVERYTHING, SubjectKind.IMAGE, self._origin.tenant, image=digest)
            for one in self._context.state.inventories.list_subjects(wanted):
                if (one.login_server, one.repository) == (host.lower(), repository):
                    found.setdefault(one.identity, one)
        return list(found.values())

    def _load_estate(self) -> list[EstateIndex]:
        if self._indexes is None:
            self._indexes = EntityContexts(
                self._context.data, PublishedSnapshotCache(self._context.data)
            ).list_indexes()
        return self._indexes


def _list_spellings(name: str) -> tuple[str, ...]:
    """Return a host name in lower case, and its first label."""
    lowered = name.lower().rstrip(".")
    return (lowered, lowered.partition(".")[0])


def _parse_reference(text: str) -> tuple[str, str, str] | None:
    """Return the host, repository and digest of a name, None where it is none or has no digest."""
    try:
        reference = ImageReference.parse(text)
    except ImageError:
        return None
    if not _DIGEST.fullmatch(reference.digest):
        return None
    return reference.host, reference.repository, reference.digest


def _parse_tag(text: str) -> str:
    try:
        return ImageReference.parse(text).tag
    except ImageError:
        return ""


def _parse_resource(id_: str) -> ResourceId:
    try:
        found = ResourceId.parse(id_)
    except ValueError as error:
        raise RecordRefusedError(f"resource: {error}") from error
    if not found.subscription:
        raise RecordRefusedError(f"resource must be the ID of a resource in a subscription (got {id_!r})")
    return found
