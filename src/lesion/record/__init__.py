"""One SQLite file a run, and what belongs to it."""
