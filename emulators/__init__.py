"""Azure on a laptop. Knows Azure's protocols, and nothing of Atrium."""
