"""Floor 5: the processes. Each assembles only what it needs, and holds only the keys it may hold."""
