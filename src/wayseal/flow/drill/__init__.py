"""Drills: probes that do to the site what an attacker or an accident would do, and look at what came of it."""
