"""The record of a run: one SQLite file."""
