"""Templates judged before they are deployed: planned resources by the policies and analyzers that judge the cloud."""
