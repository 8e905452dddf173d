"""An effect, an order, a kind of task and a family of models for Lesion."""
