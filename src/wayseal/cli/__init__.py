"""Floor 6: commands. No logic."""
