"""What a host, an image or a repository holds: files are read to packages, one ecosystem or format a file of this folder."""
