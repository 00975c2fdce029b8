"""Lake maintenance: compaction, retention and vacuum."""
