"""A TAXII 2.1 server of its own kind (medallion) behind TLS on a free port: `python taxii_server.py CONFIG CERTIFICATE KEY`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from medallion import application_instance, register_blueprints, set_config
from werkzeug.serving import make_server


def main() -> None:
    config, certificate, key = sys.argv[1:]
    settings = json.loads(Path(config).read_text(encoding="utf-8"))
    for part in ("users", "taxii", "backend"):
        set_config(application_instance, part, settings)
    register_blueprints(application_instance)
    server = make_server("127.0.0.1", 0, application_instance, threaded=True, ssl_context=(certificate, key))
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
