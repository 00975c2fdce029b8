"""Stream and load generated snapshots of growing size: time, records per second, peak memory.

Usage: python bench/snapshot_stream.py [--sizes 10000,100000,1000000] [--shape array|lines|answer] [--work stream|load|store]

Each run is a process of its own, so that its peak memory is its own. Streaming must stay flat: exit 1 when the peak at the
largest size is more than 1.25 times that at the smallest (and 16 MiB over it).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

SUBSCRIPTION = "/subscriptions/{:08d}-0000-0000-0000-000000000000"
TYPES = (
    "Microsoft.Storage/storageAccounts",
    "Microsoft.KeyVault/vaults",
    "Microsoft.Web/sites",
    "Microsoft.Compute/disks",
)


def body(number: int) -> dict[str, object]:
    type_ = TYPES[number % len(TYPES)]
    group = f"{SUBSCRIPTION.format(number % 50)}/resourceGroups/rg-{number % 997}"
    return {
        "id": f"{group}/providers/{type_}/name{number}",
        "name": f"name{number}",
        "type": type_,
        "location": "westeurope",
        "tags": {"owner": f"team{number % 31}", "cost": str(number % 7)},
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "properties": {
            "provisioningState": "Succeeded",
            "creationTime": f"2026-01-01T00:{number % 60:02d}:00Z",
            "endpoints": {"blob": f"https://name{number}.blob.core.windows.net/", "web": f"https://name{number}.z6.web.core.windows.net/"},
            "networkAcls": {"bypass": "AzureServices", "ipRules": [{"value": f"10.0.{number % 256}.0/24"}], "defaultAction": "Allow"},
        },
    }  # fmt: skip


def write(path: Path, size: int, shape: str) -> None:
    head, between, tail = {
        "array": ("[", ",", "]"),
        "lines": ("", "\n", "\n"),
        "answer": ('{"data": [', ",", "]}"),
    }[shape]
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        for number in range(size):
            file.write((between if number else "") + json.dumps(body(number)))
        file.write(tail)


def run(path: Path, work: str) -> None:
    from nephoscope.collect import resources
    from nephoscope.estate.estate_store import EstateStore

    began = time.perf_counter()
    if work == "stream":
        count = sum(1 for _ in resources.stream_resources([path]))
    else:
        estate = resources.load([path])
        count = len(estate.resources)
    if work == "store":
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            EstateStore(Path(folder)).append(estate, datetime.now(UTC))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"records": count, "seconds": round(seconds, 2), "peak_mib": round(peak, 1)}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--shape", default="array", choices=["array", "lines", "answer"])
    parser.add_argument("--work", default="stream", choices=["stream", "load", "store"])
    parser.add_argument("--run", type=Path)
    options = parser.parse_args()
    if options.run:
        run(options.run, options.work)
        return 0
    peaks = []
    for size in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "snapshot.json")
            write(path, size, options.shape)
            command = [sys.executable, __file__, "--run", str(path), "--work", options.work]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            peaks.append(found["peak_mib"])
            rate, mib = size / found["seconds"], path.stat().st_size / 1024**2
            print(
                f"{options.work} {options.shape}: {size} records ({mib:.0f} MiB): {found['seconds']} s, "
                f"{rate:,.0f} records/s, {mib / found['seconds']:.1f} MiB/s, peak {found['peak_mib']} MiB"
            )
    flat = peaks[-1] <= peaks[0] * 1.25 + 16
    if options.work == "stream":
        print("memory is flat" if flat else f"memory grows: {peaks}")
    return 0 if flat or options.work != "stream" else 1


if __name__ == "__main__":
    sys.exit(main())
