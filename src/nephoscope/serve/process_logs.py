"""The log of a server's processes: a line an entry, as text or as JSON."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

from nephoscope.model.secret_redaction import redact_text


class JsonFormatter(logging.Formatter):
    """A JSON object a line: time, level, logger, message, and the traceback where there is one. Tokens in texts are masked."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        document: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": redact_text(record.getMessage()),
        }
        if record.exc_info:
            document["exception"] = redact_text(self.formatException(record.exc_info))
        return msgspec.json.encode(document).decode()


class TextFormatter(logging.Formatter):
    """`time level logger: message`; tokens in texts are masked."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redact_text(super().format(record))


def configure_logging(*, json_lines: bool) -> None:
    """Log to standard error from here on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if json_lines else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("uvicorn.access", "httpx", "azure"):
        logging.getLogger(name).setLevel(logging.WARNING)
