"""Detection: rules in Sentinel's format, run over the lake; their alerts; the incidents that alerts make."""
