"""Checkpoints: where they come from and where their parts are."""
