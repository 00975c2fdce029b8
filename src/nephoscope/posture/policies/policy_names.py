"""Policy names: ids, titles and, for shipped policies, file names."""

from __future__ import annotations

from nephoscope.content.loader import load_documents
from nephoscope_policy.catalog import NotHeldError, PolicyCatalog
from nephoscope_policy.catalog_entry import CatalogEntry


def find_shipped_policy(name: str) -> str:
    """The id of the shipped policy whose file is called so (`storage-secure-transfer`), '' where there is none."""
    wanted = f"{name.strip().lower()}.json"
    return next(
        (str(one.json()["name"]) for one in load_documents(None, "policies") if one.name == wanted), ""
    )


def find_entry(catalog: PolicyCatalog, name: str) -> CatalogEntry:
    """The definition or initiative that a person named; NotHeldError where nothing, or more than one thing, is called so."""
    try:
        return catalog.find("definition", find_shipped_policy(name) or name)
    except NotHeldError as error:
        if error.cause != "not-held":
            raise
    titled = [one for one in catalog.definitions() if one.display_name.casefold() == name.casefold()]
    if len(titled) == 1:
        return titled[0]
    try:
        return catalog.find("initiative", name)
    except NotHeldError as error:
        if error.cause != "not-held":
            raise
        reason = f"no loaded content holds a definition or initiative {name!r}"
        raise NotHeldError(
            f"{reason}; `nephoscope content list TEXT` searches their titles", error.cause
        ) from error
