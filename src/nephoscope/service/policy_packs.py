"""Packs of policies and alias tables, by which every estate is judged: import them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.service.actors import ROOT_SCOPE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from nephoscope.posture.policies.policy_packs import ImportedContent
    from nephoscope.service.service_context import ServiceContext
    from nephoscope_policy.catalog import ImportSummary

WRITE = "Microsoft.Authorization/policyDefinitions/write"


def import_policies(
    context: ServiceContext, path: Path, name: str = ""
) -> tuple[ImportedContent, ImportSummary]:
    """Import a folder or file as the pack of a name ('' = that of the path), in place of the one that has it.

    Raises ContentError, PolicyError or OSError for what cannot be read.
    """
    with _open_pack_import(context, f"pack {name or path.resolve().name}", path):
        return Packs(context.data).add(path, name)


def import_alias_table(context: ServiceContext, path: Path) -> tuple[ImportedContent, int]:
    """Import an alias table; return it, and how many aliases it has."""
    with _open_pack_import(context, f"alias table {path.name}", path):
        return Packs(context.data).add_aliases(path)


def _open_pack_import(context: ServiceContext, target: str, path: Path) -> AbstractContextManager[None]:
    return context.change_files(WRITE, ROOT_SCOPE, target, act="import", origin=path.resolve())
