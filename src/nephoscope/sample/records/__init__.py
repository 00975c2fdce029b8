"""Records as Azure writes them: a file a family of logs; RECORDS names what writes each kind."""
