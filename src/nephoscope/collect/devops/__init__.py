"""Posture of pipelines: settings of GitHub, GitLab and Azure DevOps, read live or from recorded REST bodies into a snapshot."""
