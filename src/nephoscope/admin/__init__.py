"""The server's own API: who may come in, what is connected, how it stands; a file a section, one description for all of it."""
