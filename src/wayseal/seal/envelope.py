"""The sealed record's format."""
