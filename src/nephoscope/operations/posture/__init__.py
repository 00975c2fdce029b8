"""Operations of posture: exemptions and assignments."""
