"""Enrolment: exchange a code for this machine's key and resource."""

from __future__ import annotations

from pathlib import Path

from nephoscope_agent import __version__
from nephoscope_agent.azure_metadata import read_azure_id
from nephoscope_agent.machine import read_machine
from nephoscope_agent.server_connection import ServerConnection
from nephoscope_agent.settings import KEY, Settings, save_settings, write_durably


def enrol(folder: Path, code: str, settings: Settings) -> Settings:
    """Exchange a code; store the key and the settings, and return these. Raises ServerError."""
    machine = read_machine(settings)
    connection = ServerConnection(settings.server, code, settings.ca_file)
    answer = connection.send(
        "POST",
        "/admin/v1/agents/enrol",
        {
            "computer": machine.computer,
            "fqdn": machine.fqdn,
            "machineId": machine.machine_id,
            "azureResourceId": read_azure_id(),
            "osName": machine.os_name,
            "osVersion": machine.os_version,
            "architecture": machine.architecture,
            "version": __version__,
        },
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(folder / KEY, (answer["key"] + "\n").encode("ascii"))
    settings.resource = answer["resource"]
    settings.computer = answer["computer"]
    settings.update_key = answer["updateKey"]
    save_settings(folder, settings)
    return settings
