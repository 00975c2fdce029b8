"""Rules for GitLab CI/CD."""
