"""Operations of content: imported packs."""
