"""A model made ready for a task: weights, head, inputs, cost."""
