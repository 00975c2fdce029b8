"""Rules for Kubernetes manifests: the Pod Security Standards, and what Azure asks of clusters."""
