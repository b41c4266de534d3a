"""Probes of signed documents: who signed what, when, about which device, and whether it says enough."""
