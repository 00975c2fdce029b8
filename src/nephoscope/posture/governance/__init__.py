"""What people govern with policies: what is assigned, who may exempt, and what policies would do to a planned resource."""
