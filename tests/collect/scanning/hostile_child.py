"""Scans the layouts of a folder in a process of its own: `python -m tests.collect.scanning.hostile_child FOLDER`.

A line of JSON a layout: what was told, the seconds and the peak of memory so far; files that were opened outside of the folder and of
Python's own places are told too.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.layout import open_layout
from nephoscope.collect.scanning.image_scan import scan_image
from nephoscope.collect.scanning.scan_contents import InventoryContents

#: A process that asks for more is refused, before the machine suffers.
MOST_ADDRESSES = 4 << 30


def scan(folder: Path) -> tuple[str, list[str]]:
    """Return what the scan of a layout tells of what it could not read, and the packages that it found."""
    try:
        contents = scan_image(open_layout(folder))
    except ImageError as error:
        return str(error), []
    return told(contents), [f"{one.name} {one.version}" for one in contents.packages[:3]]


def told(contents: InventoryContents) -> str:
    """Return what a scan tells of what it could not read."""
    unread = [f"{one.path[-60:]}: {one.reason}" for one in contents.unread[:20]]
    return " | ".join([*unread, *(f"{one.path}: {one.reason}" for one in contents.set_aside[:5])])


def peak_mib() -> int:
    """Return the most memory that this process has held."""
    held = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(held.split()[1]) // 1024


def watch(folder: Path, outside: list[str]) -> None:
    """Write down which files are opened outside of a folder and of Python's own places."""
    places = {
        Path(place).resolve() for place in (folder, *filter(None, sys.path), sys.prefix, sys.base_prefix)
    }
    allowed = tuple(map(str, (*places, "/proc/self", "/usr/share/zoneinfo", "/dev/null")))

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if (
            event == "open"
            and isinstance(arguments[0], str)
            and not str(Path(arguments[0]).absolute()).startswith(allowed)
        ):
            outside.append(arguments[0])

    sys.addaudithook(note)


def main() -> None:
    """Scan the layouts of a folder."""
    folder = Path(sys.argv[1]).resolve()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    outside: list[str] = []
    watch(folder, outside)
    for layout in sorted(folder.iterdir()):
        began = time.process_time()
        said, packages = scan(layout)
        seconds = round(time.process_time() - began, 2)
        line = {
            "case": layout.name,
            "told": said[:2000],
            "packages": packages,
            "s": seconds,
            "mib": peak_mib(),
        }
        print(json.dumps(line), flush=True)
    print(json.dumps({"case": "", "outside": outside}))


if __name__ == "__main__":
    main()
