"""Bills of materials and statements of exploitability: read from every published format, written in those that others read."""
