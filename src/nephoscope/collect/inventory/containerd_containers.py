"""Images of the containers of containerd: its store of metadata."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.bbolt import parse_bolt
from nephoscope.collect.inventory.image_reference import split_image
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "containerd containers"
PATTERNS = (
    "var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
    "**/io.containerd.metadata.v1.bolt/meta.db",
)
MAX_SIZE = 500_000_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the image of each container by its digest, in the group of its namespace; raises UnreadableInventoryError."""
    try:
        spaces = parse_bolt(file.content).find_bucket("v1").buckets
    except ValueError as error:
        raise file.make_error(str(error)) from error
    for name, space in sorted(spaces.items()):
        for key, container in sorted(space.find_bucket("containers").buckets.items()):
            image = container.get_text("image")
            named = split_image(image)
            digest = space.find_bucket("images", image, "target").get_text("digest")
            if named is None or not digest:
                file.record_left_out_entry(
                    1, f"the image of the container {key.decode('utf-8', 'replace')[:64]} is not there"
                )
                continue
            yield Package(
                type="docker",
                name=named[0],
                version=digest,
                path=file.path,
                groups=(name.decode("utf-8", "replace"),),
            )
