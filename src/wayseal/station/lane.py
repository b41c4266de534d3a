"""The lane process."""
