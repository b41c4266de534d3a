"""Who is it."""
