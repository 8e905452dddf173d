"""Families of masked language models, trained from text: the twins."""
