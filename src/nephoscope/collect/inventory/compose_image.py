"""Images that a Compose file runs, with the variables of the file `.env` beside it."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table
from nephoscope.collect.inventory.formats.yaml_text import parse_yaml_tables
from nephoscope.collect.inventory.image_reference import split_image, substitute_variables
from nephoscope.collect.inventory.inventory_file import InventoryFile, decode_text
from nephoscope.model.package import Package

TITLE = "Compose file"
PATTERNS = tuple(
    f"**/{name}.{suffix}"
    for name in ("docker-compose", "docker-compose.*", "docker-compose-*", "compose", "compose.*")
    for suffix in ("yml", "yaml")
)
MAX_SIZE = 4_000_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the image of each service; raises UnreadableInventoryError."""
    document = require_table(parse_yaml_tables(file))
    variables = _read_variables(file)
    for name, service in require_table(document.get("services")).items():
        written = service.get("image") if isinstance(service, dict) else None
        if not isinstance(written, str) or not written:
            continue
        image = substitute_variables(written, variables)
        named = split_image(image) if image else None
        if named is None:
            file.record_left_out_entry(
                _find_line(file, written), f"the image of {name} is not known before it is run"
            )
            continue
        yield Package(
            type="docker",
            name=named[0],
            version=named[1],
            path=file.path,
            line=_find_line(file, written),
            relationship="declared",
        )


def _read_variables(file: InventoryFile) -> dict[str, str]:
    content = file.read_neighbor(".env")
    found: dict[str, str] = {}
    for line in decode_text(file.path, content).splitlines() if content is not None else ():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            found[name.removeprefix("export ").strip()] = value.strip().strip("\"'")
    return found


def _find_line(file: InventoryFile, text: str) -> int:
    at = file.text.find(text)
    return file.text.count("\n", 0, at) + 1 if at >= 0 else 1
