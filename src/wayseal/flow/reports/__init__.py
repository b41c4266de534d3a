"""Reports for people who decide and audit: one small module a kind, one renderer for all. Figures are computed when asked for."""
