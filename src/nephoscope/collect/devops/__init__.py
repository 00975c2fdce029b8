"""Posture of pipelines: settings of GitHub organizations and Azure DevOps, read live or from recorded REST bodies into a snapshot."""
