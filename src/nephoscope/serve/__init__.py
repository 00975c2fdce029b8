"""The server: a supervisor, one web process, and workers that collect, assess, ingest and detect."""
