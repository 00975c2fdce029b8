"""Microsoft.SecurityInsights: Microsoft Sentinel."""
