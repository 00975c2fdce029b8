"""Operations of response: its rules."""
