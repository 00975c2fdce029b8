"""The list of Network Watcher captures: which machine, which packets, the limits, and the account that gets the file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.rendering.formatting import format_size, spell_duration

if TYPE_CHECKING:
    from nephoscope.connect.network_watcher_client import AzureCapture, AzureCaptureFilter
    from nephoscope.web.visits.request_context import Visit

PATH = "/network/azure-captures"


def build_azure_capture_list(visit: Visit) -> RowList[AzureCapture]:
    """Describe the list."""

    def build_title_cell(one: AzureCapture) -> ListCell:
        return build_text_cell(
            name_target(one), visit.link(PATH, capture=one.id), whole=one.properties.target
        )

    return RowList(
        "network-watcher-captures", "Network Watcher capture",
        (
            ListColumn("machine", "Machine", build_title_cell, main=True),
            build_text_column("name", "Capture", lambda one: one.name),
            build_text_column("filter", "Packets", describe_azure_filter),
            build_text_column("ends", "Ends after", describe_azure_limits),
            build_text_column("storage", "Storage account", name_storage),
        ),
        lambda one: one.id,
        (
            RowFacet("machine", "Machine", lambda one: (name_target(one),)),
            RowFacet("storage", "Storage account", lambda one: (name_storage(one),)),
        ),
        lambda one: "\n".join((one.properties.target, one.name, name_storage(one))),
        hint="Machine or capture", order="machine",
    )  # fmt: skip


def name_target(one: AzureCapture) -> str:
    """Return the name of the machine of a capture."""
    return one.properties.target.rsplit("/", 1)[-1]


def name_storage(one: AzureCapture) -> str:
    """Return the name of the storage account that gets the file, '' where it stays on the machine."""
    return one.properties.storage_location.storage_id.rsplit("/", 1)[-1]


def describe_azure_filter(one: AzureCapture) -> str:
    """Say which packets are kept."""
    return "; ".join(map(_describe_filter, one.properties.filters)) or "All"


def _describe_filter(one: AzureCaptureFilter) -> str:
    words = [one.protocol if one.protocol and one.protocol != "Any" else "All protocols"]
    if one.local_port:
        words.append(f"local port {one.local_port}")
    if one.remote_port:
        words.append(f"remote port {one.remote_port}")
    if one.local_address:
        words.append(f"local {one.local_address}")
    if one.remote_address:
        words.append(f"remote {one.remote_address}")
    return ", ".join(words)


def describe_azure_limits(one: AzureCapture) -> str:
    """Say when a capture ends."""
    limits = one.properties
    span = spell_duration(timedelta(seconds=limits.time_limit_in_seconds))
    return f"{span} or {format_size(limits.total_bytes_per_session)}"
