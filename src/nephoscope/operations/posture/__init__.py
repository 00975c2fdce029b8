"""Operations of posture: exemptions."""
