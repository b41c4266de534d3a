"""Key keepers."""
