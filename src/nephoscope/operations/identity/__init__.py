"""Operations of the command `identity`: the risk of identities, risk detections, and leaked credentials."""
