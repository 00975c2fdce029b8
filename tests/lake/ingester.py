"""A process that appends to a lake until it is killed: DATA ACKS PAUSE PRODUCER...; prints `ready`, acknowledges into ACKS.

Each producer is a thread and goes on where the lake says it was. An append is a batch of rows of one table that belong together.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import threading
import time
from pathlib import Path

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State

ROWS = 5


def batch(lake: Lake, producer: str, sequence: int):
    now = dt.datetime.now(dt.UTC)
    rows = [
        {"TimeGenerated": now, "Computer": producer, "ProcessID": sequence, "HostName": f"r{n}"}
        for n in range(ROWS)
    ]
    return {"Syslog": to_arrow_rows(lake.tables["Syslog"], rows, workspace=lake.workspace(), now=now).table}


def produce(lake: Lake, producer: str, acks: int, pause: float) -> None:
    writer = lake.writer()
    sequence = writer.last(producer)
    while True:
        sequence += 1
        writer.append("default", batch(lake, producer, sequence), producer=producer, sequence=sequence)
        os.write(acks, f"{producer} {sequence}\n".encode())
        time.sleep(pause)


def main() -> None:
    data, acks, pause, *producers = sys.argv[1:]
    file = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with State.open_folder(Path(data)) as state, Lake.open(Path(data), state) as lake:
        print("ready", flush=True)
        threads = [
            threading.Thread(target=produce, args=(lake, one, file, float(pause))) for one in producers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
