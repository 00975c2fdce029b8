"""The services of watched registries for a command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.service.context import ServiceContext


@contextmanager
def registry_service(data: Path) -> Iterator[ServiceContext]:
    """Give the context of the data folder; what cannot be done ends the command with its message."""
    from nephoscope.cli.session.services import service_of
    from nephoscope.cli.session.stored import state_of
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.protect.registry.registry_settings import RegistrySettingsError

    with state_of(data, keeps=True) as state:
        try:
            yield service_of(data, state)
        except RegistrySettingsError as error:
            usage_error(str(error))
