"""Azure's REST surfaces: a room a service, a file a surface, found by scanning the rooms."""
