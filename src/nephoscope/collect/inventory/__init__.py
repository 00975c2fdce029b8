"""Read the packages of a host, an image or a repository; each module here reads one ecosystem or format."""
