"""Azure client errors as sentences without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nephoscope.ingest.source_failures import SourceError
from nephoscope.model.secret_redaction import redact_text


@contextmanager
def translate_azure_errors(what: str) -> Iterator[None]:
    """Raise what a client library raises as SourceError: `what` was being done, the code of the refusal, its first line."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, OSError) as error:
        raise SourceError(f"{what}: {format_azure_error(error)}") from error


def format_azure_error(error: Exception) -> str:
    """The code of a refusal and its first line, without anything that looks like a secret."""
    code = getattr(error, "error_code", None)
    lines = [line.strip() for line in redact_text(str(error)).splitlines() if line.strip()]
    text = lines[0][:300] if lines else type(error).__name__
    return f"{getattr(code, 'value', code)}: {text}" if code else text
