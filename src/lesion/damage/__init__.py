"""What is destroyed, in which order, and how it is proven and undone."""
