"""Tasks: what a model is asked before and after the damage."""
