"""A process that appends as producers that another process appends as too: DATA ACKS COUNT; prints `ready`, starts when told.

As `numbered` it appends what a number names, as each who reads the same place would; as `own` rows that only it has. What it appended
itself is a line of ACKS.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State


def rows(lake: Lake, producer: str, process: int, number: int):
    now = dt.datetime.now(dt.UTC)
    made = {"TimeGenerated": now, "Computer": producer, "ProcessName": str(process), "ProcessID": number}
    return {"Syslog": to_arrow_rows(lake.tables["Syslog"], [made], workspace=lake.workspace(), now=now).table}


def main() -> None:
    data, acks, count = sys.argv[1:]
    file, own = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT), os.getpid()
    with State.open_folder(Path(data)) as state, Lake.open(Path(data), state) as lake:
        writer = lake.writer()
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(int(count)):
            for producer, process, sequence in (("numbered", 0, number), ("own", own, None)):
                made = rows(lake, producer, process, number)
                if writer.append("default", made, producer=producer, sequence=sequence) is not False:
                    os.write(file, f"{producer} {process} {number}\n".encode())


if __name__ == "__main__":
    main()
