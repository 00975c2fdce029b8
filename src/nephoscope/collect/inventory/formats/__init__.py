"""The formats that lists of packages are written in: JSON, TOML, YAML, XML, paragraphs, executables, archives and databases."""
