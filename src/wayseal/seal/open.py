"""The hazardous room."""
