"""Wayseal: photograph the people in a moving vehicle, find out who they are, and let nobody walk away with the pictures."""

__version__ = "0.1.0"
