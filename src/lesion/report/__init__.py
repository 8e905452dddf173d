"""Tables and figures of what was computed elsewhere."""
