"""Damage to the texts that a model reads."""
