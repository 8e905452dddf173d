"""Where the examples of tasks are read."""
