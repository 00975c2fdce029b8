"""Rules of the Sigma project, turned into rules in Sentinel's format through pySigma's Kusto backend (the extra `sigma`)."""
