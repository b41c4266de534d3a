"""Known travellers."""
