"""Floor 5, shipped: the synthetic lane and the drills that users run themselves."""
