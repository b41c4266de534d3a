"""Floor 3: the sealed record, the keys around it, and the one room that can open it."""
