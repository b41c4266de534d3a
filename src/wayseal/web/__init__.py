"""Floor 6: screens. No logic."""
