"""Web process: serves forwarded requests on a local socket."""

from __future__ import annotations

import logging
import shutil
import socket
import sys
from pathlib import Path

import uvicorn

from nephoscope.alerts.library.own_rules import OwnRules
from nephoscope.ingest.live.request_head_limits import BoundedHead
from nephoscope.instance import Instance
from nephoscope.serve import process_logs
from nephoscope.serve.cache_warmup import keep_warm
from nephoscope.serve.parent_watch import end_with_parent
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.serve.web_application import build_application
from nephoscope_kql.engines import memory_accounting

GRACE_SECONDS = 20
#: Seconds after which a thread that computes in Python lets another one in: pages wait for several turns, beside queries.
SWITCH_SECONDS = 0.001


def serve_web(settings: ServeSettings) -> None:
    """Answer until the process is asked to end; what is being answered then is finished."""
    process_logs.configure_logging(json_lines=settings.json_logs)
    with (
        socket.socket(fileno=settings.web_fd) as listening,
        Instance.open(
            settings.data,
            settings.state,
            settings.tenant,
            settings.query_seconds,
            settings.managed_identity,
            settings.queries,
        ) as instance,
    ):
        sys.setswitchinterval(SWITCH_SECONDS)
        memory_accounting.limit_total(settings.query_memory << 20)
        OwnRules(instance.state, instance.data).finish()
        config = uvicorn.Config(
            build_application(
                instance,
                hosts=settings.hosts,
                requests_a_minute=settings.requests_a_minute,
                settings=settings,
                behind_front=True,
            ),
            http=BoundedHead,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=75,
            limit_concurrency=1000,
        )
        keep_warm(instance.snapshots, instance.entity_contexts)
        logging.getLogger("nephoscope.serve").info("listening on %s", settings.web)
        uvicorn.Server(config).run(sockets=[listening])


def begin(settings: ServeSettings) -> None:
    """Serve until the supervisor ends."""
    end_with_parent(lambda: shutil.rmtree(Path(settings.web).parent, ignore_errors=True))
    serve_web(settings)
