"""One evaluation run, score, compliance, exemptions and history."""
