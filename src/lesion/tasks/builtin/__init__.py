"""Tasks that are made of grammars and need no data."""
