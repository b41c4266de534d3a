"""Destroying epochs."""
