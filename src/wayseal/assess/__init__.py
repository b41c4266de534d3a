"""Floor 3: equipment, probes, findings, and what follows from them."""
