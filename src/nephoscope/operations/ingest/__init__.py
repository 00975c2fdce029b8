"""Operations of ingestion: what was quarantined."""
