"""Images of the containers of podman: its store of states, of versions that keep it in bbolt."""

from __future__ import annotations

import json
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.bbolt import parse_bolt
from nephoscope.collect.inventory.image_reference import split_image
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "podman containers"
PATTERNS = ("var/lib/containers/storage/libpod/bolt_state.db", "**/containers/storage/libpod/bolt_state.db")
MAX_SIZE = 500_000_000

_RUNNING = 3


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the image of each container by its identifier, in the group `stopped` where it does not run.

    Raises UnreadableInventoryError.
    """
    try:
        containers = parse_bolt(file.content).find_bucket("ctr")
        for key, container in sorted(containers.buckets.items()):
            config, state = (
                _parse_table(container.get_text("config")),
                _parse_table(container.get_text("state")),
            )
            image, digest = config.get("rootfsImageName"), config.get("rootfsImageID")
            named = split_image(image) if isinstance(image, str) else None
            if named is None or not isinstance(digest, str) or not digest:
                file.record_left_out_entry(
                    1, f"the container {key.decode('utf-8', 'replace')[:64]} was made of no image"
                )
                continue
            yield Package(
                type="docker",
                name=named[0],
                version=digest,
                path=file.path,
                groups=() if state.get("state") == _RUNNING else ("stopped",),
            )
    except (ValueError, RecursionError) as error:
        raise file.make_error(str(error) or "the store is too deep") from error


def _parse_table(text: str) -> dict[str, object]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
