"""A live estate as the target of a scan: `azure:`, or `azure:<subscription id>`, is collected first."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from nephoscope.collect.azure.collection_settings import CollectError, CollectionSettings, Progress
from nephoscope.collect.azure.content_requirements import ContentNeeds
from nephoscope.collect.resources import SnapshotError
from nephoscope.posture.policies.policy_packs import Packs

LIVE = "azure:"
#: A tenant that was connected: judged by its newest snapshot, which the server takes.
TENANT = "tenant:"
#: The environment says for a scan what the options of `collect` say there.
CLOUD, CREDENTIAL = "NEPHOSCOPE_CLOUD", "NEPHOSCOPE_CREDENTIAL"


def find_content_needs(data: Path, folders: Iterable[Path] = ()) -> ContentNeeds:
    """Return what the shipped and imported content, the definitions in some folders, the analyzers, attack paths and lists of missing
    logs read."""
    # loaded where something is collected: every scan loads this module
    from nephoscope.analyze.discovery import load_analyzers
    from nephoscope.estate.service_network_rules import READS as ENDPOINT_READS
    from nephoscope.ingest.live.health.missing_logs import FLOW_LOG, LOGGED, NETWORKS, SETTING
    from nephoscope.posture.attack_paths.graph_builder import READS

    packs = Packs(data)
    types = [type_ for analyzer in load_analyzers() for type_ in analyzer.types]
    logs = {SETTING: LOGGED}
    return ContentNeeds.of(
        packs.catalog(folders),
        [*types, *READS, *ENDPOINT_READS, *NETWORKS, FLOW_LOG],
        packs.aliases(),
        under=logs,
    )


def collect_live_snapshot(target: str, data: Path, folders: Iterable[Path], progress: Progress) -> Path:
    """Collect a live target into `<data>/snapshots` and return the folder; SnapshotError when that is not possible."""
    from nephoscope.collect.azure.collection_scope import CollectionScopeError
    from nephoscope.connect.cloud import CloudError

    out = data / "snapshots" / f"azure-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    try:
        settings = _list_settings(target)
    except (CloudError, CollectError, CollectionScopeError) as error:
        raise SnapshotError(f"{target}: {error}") from error
    try:
        return collect_snapshot(settings, find_content_needs(data, folders), out, progress)
    except SnapshotError as error:
        raise SnapshotError(f"{target}: {error}") from error


def get_tenant_folder(data: Path, name: str) -> Path:
    """Return where the snapshots of a connected tenant lie."""
    return data / "snapshots" / "tenants" / name


def find_tenant_snapshot(target: str, data: Path) -> Path:
    """The newest whole snapshot of a connected tenant; SnapshotError where there is none yet."""
    name = target.removeprefix(TENANT)
    folder = get_tenant_folder(data, name)
    whole = sorted(path.parent for path in folder.glob("*/coverage.json"))
    if not whole:
        raise SnapshotError(
            f"{target}: not collected yet: a running server (`nephoscope serve`) collects connected tenants"
        )
    return whole[-1]


def collect_snapshot(
    settings: CollectionSettings, needs: ContentNeeds, out: Path, progress: Progress
) -> Path:
    """Collect into a new folder and return it; SnapshotError when that is not possible."""
    from nephoscope.collect.azure import collect_azure_snapshot
    from nephoscope.collect.azure.checkpoint import CheckpointError
    from nephoscope.connect.credentials import SignInError

    try:
        return collect_azure_snapshot(settings, needs, out, progress)
    except (CheckpointError, CollectError, SignInError) as error:
        raise SnapshotError(str(error)) from error


def _list_settings(target: str) -> CollectionSettings:
    from nephoscope.collect.azure.collection_scope import CollectionScope
    from nephoscope.connect.cloud import load_cloud
    from nephoscope.connect.credentials import KINDS

    credential = os.environ.get(CREDENTIAL, "default")
    if credential not in KINDS:
        raise CollectError(f"{CREDENTIAL} must be one of {', '.join(KINDS)}, not {credential!r}")
    subscription = target.removeprefix(LIVE)
    scope = CollectionScope.of(subscriptions=(subscription,) if subscription else ())
    return CollectionSettings(
        scope=scope, cloud=load_cloud(os.environ.get(CLOUD, "public")), credential=credential
    )
