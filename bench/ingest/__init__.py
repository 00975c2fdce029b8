"""What the ingestion benchmark shares: files to read, the peer, the stages."""
