"""The exact fast forward pass of damaged models."""
