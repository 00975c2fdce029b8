"""Logs: Log Analytics, Kusto, and the ingestion of logs."""
