"""Images of containers, from a registry, a layout on disk or an archive: manifests, configuration, and what their layers hold."""
