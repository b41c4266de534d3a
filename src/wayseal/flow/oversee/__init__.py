"""Oversight of those who install and maintain equipment: register, assessments, duties, and what follows for lanes and people."""
