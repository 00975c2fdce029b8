"""The Logs Ingestion protocol: rules that say what streams hold and where they go, transforms, tokens, and the ASGI app."""
