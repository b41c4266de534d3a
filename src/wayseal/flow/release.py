"""Log before decrypt."""
