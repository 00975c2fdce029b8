"""Operations of detection: watchlists, threat intelligence, rules of people's own."""
