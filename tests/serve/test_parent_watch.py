"""A process ends with the one that started it, also where that is gone before it looks; without a named parent it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from nephoscope.serve.parent_watch import VARIABLE, to_environment

pytestmark = pytest.mark.system

WATCHES = """
    import sys, time
    from nephoscope.serve.parent_watch import end_with_parent
    sys.stdin.readline()
    end_with_parent()
    print("watches", flush=True)
    time.sleep(60)
"""


def child(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WATCHES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("parent", ["1", "2"])
def test_one_whose_parent_was_gone_before_it_looked_ends(parent):
    with child({VARIABLE: parent}) as process:
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(60) == -signal.SIGTERM


# who collected is not who runs the test: the parent is named where it starts one
@pytest.mark.parametrize(
    "named", [to_environment, dict, lambda: {VARIABLE: "no number"}], ids=["there", "not named", "no number"]
)
def test_one_whose_parent_is_there_or_not_named_goes_on(named):
    with child(named()) as process:
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"watches\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.stdin.close()
        process.kill()
