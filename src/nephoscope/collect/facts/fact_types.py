"""The resource types that external facts may be of (content/azure/own_facts.json)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.source_location import Place

_FILE = "own_facts.json"


class FactType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A type in Azure's spelling, of which facts may be put.

    `parents` are the types of what it lies under or extends; without any it stands in a resource group. `source` describes its bodies.
    """

    type: str
    title: str
    parents: tuple[str, ...]
    source: str


@cache
def load_fact_types() -> Mapping[str, FactType]:
    """The types by their lower-cased names; ContentError where the file has another shape."""
    for document in load_documents(None, "azure"):
        if document.name == _FILE:
            try:
                found = msgspec.convert(document.json(), tuple[FactType, ...])
            except msgspec.ValidationError as error:
                raise ContentError(str(error), document.place) from error
            return {one.type.lower(): one for one in found}
    raise ContentError(f"the package has no azure/{_FILE}", Place("content"))
