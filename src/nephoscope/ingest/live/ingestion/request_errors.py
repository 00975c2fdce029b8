"""Request errors: rejections of an ingestion request."""

from __future__ import annotations


class IngestionRefusedError(Exception):
    """A request that is answered with an error: status, Azure's code, a sentence, and when to come again."""

    def __init__(self, status: int, code: str, message: str, again: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.again = status, code, message, again
