"""Offline accuracy measures: they join vision and match over pictures with known truth, and keep nothing."""
