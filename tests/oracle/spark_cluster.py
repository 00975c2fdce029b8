"""A standalone Spark cluster of one master and two workers on loopback, from the jars of the pyspark package."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyspark

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(pyspark.__file__).parent
MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
SETTINGS = {
    "spark.executor.memory": "768m",
    "spark.executor.cores": "1",
    "spark.cores.max": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
"""One executor a worker; many small queries, so that compiling machine code twice does not pay."""
WAIT = 180.0


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a running cluster whose two workers have registered; its processes end with the block."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        url = f"spark://127.0.0.1:{port}"
        log = Path(folder) / "master.log"
        processes = [_started(log, MASTER, "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")]
        try:
            _wait(log, "Starting Spark master", 1, processes)
            for place in range(2):
                given = ("--host", "127.0.0.1", "--webui-port", "0", "-c", "1", "-m", "1g")
                work = ("--work-dir", f"{folder}/work{place}", url)
                processes.append(_started(Path(folder) / f"worker{place}.log", WORKER, *given, *work))
            _wait(log, "Registering worker", 2, processes)
            yield url
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait(timeout=60)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _started(log: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    env = {
        **os.environ,
        "SPARK_HOME": str(HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_PUBLIC_DNS": "127.0.0.1",
        "SPARK_SCALA_VERSION": next((HOME / "jars").glob("spark-core_*.jar"))
        .name.split("_")[1]
        .split("-")[0],
    }
    command = ["java", "-Xmx256m", "-cp", f"{HOME}/jars/*", name, *arguments]
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=env)


def _wait(log: Path, text: str, times: int, processes: list[subprocess.Popen[bytes]]) -> None:
    """Until a log says a text so often; RuntimeError where a process ends or WAIT seconds pass."""
    until = time.monotonic() + WAIT
    while log.read_text(encoding="utf-8", errors="replace").count(text) < times:
        if any(process.poll() is not None for process in processes) or time.monotonic() > until:
            raise RuntimeError(f"the cluster does not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.2)
