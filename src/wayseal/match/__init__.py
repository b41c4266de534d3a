"""Floor 3: who a template belongs to. It keeps the gallery sealed at rest and answers with reasons, never with pictures."""
