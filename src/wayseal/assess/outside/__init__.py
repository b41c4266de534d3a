"""Probes from outside a device: what it answers on the network, whatever its own collector says."""
