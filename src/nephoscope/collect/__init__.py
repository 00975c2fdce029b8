"""Facts about resources in: from Azure, from files of snapshots, and what the product learns by itself."""
