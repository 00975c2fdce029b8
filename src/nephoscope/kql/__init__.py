"""The Kusto query language, compiled to SQL."""
