"""Connections between the entities of the security graph: a file a source of connections, each with `connect(facts, graph)`."""
