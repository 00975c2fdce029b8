"""Stands in for `bicep jsonrpc --stdio`: answers with the outputs that BICEP_OUTPUTS records by the name of the file.

An output that is a text is a fault: `hang`, `end`, `noise` (no protocol) or `huge`.
"""

import json
import os
import sys
import time
from pathlib import Path

RECORDED = json.loads(Path(os.environ["BICEP_OUTPUTS"]).read_text())


def send(message: object) -> None:
    body = json.dumps(message).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def fail(fault: str) -> None:
    if fault == "end":
        sys.stderr.write("out of memory\n")
        sys.exit(134)
    if fault == "hang":
        time.sleep(60)
    head = b"hello\r\n\r\n" if fault == "noise" else b"Content-Length: 99999999999\r\n\r\n"
    sys.stdout.buffer.write(head)
    sys.stdout.buffer.flush()


def main() -> None:
    assert sys.argv[1:] == ["jsonrpc", "--stdio"], sys.argv
    with Path(os.environ["BICEP_OUTPUTS"] + ".started").open("a") as log:
        log.write("started\n")
    while head := sys.stdin.buffer.readline():
        sys.stdin.buffer.readline()
        request = json.loads(sys.stdin.buffer.read(int(head.split(b":")[1])))
        path = Path(request["params"]["path"])
        answer = RECORDED.get(path.name)
        if isinstance(answer, str):
            fail(answer)
            continue
        if answer is None:
            send(
                {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32000, "message": "not recorded"}}
            )
            continue
        assert request["method"] == (
            "bicep/compileParams" if path.suffix == ".bicepparam" else "bicep/compile"
        )
        for one in answer.get("diagnostics", []):
            one["source"] = str(path.parent / one["source"])
        send({"jsonrpc": "2.0", "id": request["id"], "result": answer})


main()
