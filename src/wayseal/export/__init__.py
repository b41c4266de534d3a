"""Floor 3: what may leave, marked for whoever receives it."""
