"""The services of watched registries for a command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nephoscope.cli.session.service_context import open_context
from nephoscope.cli.terminal.messages import exit_with_usage_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.service.service_context import ServiceContext


@contextmanager
def open_registry_service(data: Path) -> Iterator[ServiceContext]:
    """Give the context of the data folder; what cannot be done ends the command with its message."""
    from nephoscope.protect.registry.registry_settings import RegistrySettingsError

    with open_context(data, keeps=True) as service:
        try:
            yield service
        except RegistrySettingsError as error:
            exit_with_usage_error(str(error))
