"""Pending findings: resources whose findings must be published again, noted in the changing transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.subject import InventorySubject

#: Checkpoints: a resource, by its lower-cased id, whose findings changed since they were published.
UNPUBLISHED = "vulnerabilities-unpublished"


def mark_resources_unpublished(context: ServiceContext, session: Session, resources: Iterable[str]) -> None:
    """Note within a transaction that the findings of resources, by their lower-cased ids, are to be published anew."""
    at = context.now.isoformat()
    context.state.checkpoints.keep(session, UNPUBLISHED, {one: at for one in resources if one})


def select_resources(context: ServiceContext, subjects: Iterable[InventorySubject]) -> set[str]:
    """Return the machines among subjects, and the registries and clusters that hold or run the images among them."""
    every = list(subjects)
    digests = {one.digest for one in every if one.digest}
    running = {one.resource_id for one in context.state.inventories.list_listings() if one.digests & digests}
    return {one.resource_id for one in every if one.resource_id} | running
