"""Bills and statements as bytes: the same content gives the same bytes, and times are those that the caller gives."""
