"""Findings in the files of a repository: templates, workflows, Dockerfiles, manifests."""
