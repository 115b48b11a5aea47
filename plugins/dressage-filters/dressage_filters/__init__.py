"""Data filters: duplicates, length, scores, mojibake, personal data."""
