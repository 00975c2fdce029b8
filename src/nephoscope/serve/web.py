"""The web process: answers requests on the socket that the supervisor listens on."""

from __future__ import annotations

import logging
import socket
import sys

import uvicorn

from nephoscope.instance import Instance
from nephoscope.serve import logs
from nephoscope.serve.application import application
from nephoscope.serve.parent import end_with_parent
from nephoscope.serve.settings import Settings

GRACE_SECONDS = 20


def serve(settings: Settings) -> None:
    """Answer until the process is asked to end; what is being answered then is finished."""
    logs.set_up(json_lines=settings.json_logs)
    with (
        socket.socket(fileno=settings.fd) as listening,
        Instance.opened(
            settings.data, settings.state, settings.tenant, settings.query_seconds, settings.managed_identity
        ) as instance,
    ):
        config = uvicorn.Config(
            application(
                instance,
                hosts=settings.hosts,
                requests_a_minute=settings.requests_a_minute,
                settings=settings,
            ),
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.behind),
            forwarded_allow_ips=list(settings.behind),
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=64 << 10,
            limit_concurrency=1000,
        )
        logging.getLogger("nephoscope.serve").info("answering at port %d", listening.getsockname()[1])
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    end_with_parent()
    serve(Settings.decoded(sys.argv[1]))
