"""Packs of detection content: import them, switch them, remove them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.alerts.library.content_import import PackImporter
from nephoscope.alerts.library.content_packs import build_slug
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.rules import DELETE, WRITE
from nephoscope.state.rules.rule_switches import PACK

if TYPE_CHECKING:
    from nephoscope.alerts.library.content_import import PackImport
    from nephoscope.alerts.library.content_packs import RulePack
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

#: Judges what was read and keeps it as a pack.
Import = Callable[[], "PackImport"]


def import_pack(
    context: ServiceContext, workspace: str, name: str, take: Import, *, origin: str, enable: bool = False
) -> PackImport:
    """Import a pack of a name, judged against a workspace; `enable`: its rules, if any can be used.

    A pack is everybody's, whichever workspace it was judged against, so that its permission is needed at everything. `take` imports
    what was read; what it raises ends the entry as `Failed`.
    """
    with context.change_files(
        WRITE, ROOT_SCOPE, f"pack {build_slug(name)}", act="import", origin=origin, workspace=workspace, enabled=enable or None
    ):  # fmt: skip
        found = take()
        if enable and found.pack.pieces:
            context.state.rule_switches.put(
                workspace, PACK, [found.pack.name], context.now, context.author, enabled=True
            )
    return found


def remove_pack(context: ServiceContext, lake: Lake, pack: RulePack) -> None:
    """Remove a pack with its functions and switches; its watchlists stay."""
    with context.change_files(DELETE, ROOT_SCOPE, f"pack {pack.name}", act="remove", pieces=len(pack.pieces)):
        PackImporter(lake, context.state, pack.workspace).remove(pack)
        context.state.rule_switches.forget(pack.workspace, PACK, [pack.name])
