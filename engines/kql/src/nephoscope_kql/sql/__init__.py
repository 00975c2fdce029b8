"""SQL expressions, and the routines that SQL has no words for."""
