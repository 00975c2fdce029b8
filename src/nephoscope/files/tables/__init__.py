"""Tables in files: CSV, JSON, JSON lines and Parquet as rows that KQL can ask."""
