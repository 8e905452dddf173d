"""Scoring damaged models, trial after trial."""
