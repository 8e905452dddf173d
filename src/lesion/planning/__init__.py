"""A plan: what to spend on draws, examples and seeds, from a pilot."""
