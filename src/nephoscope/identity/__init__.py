"""Identity risk: risk detections, the risk of identities, and leaked credentials."""
