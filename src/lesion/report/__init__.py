"""Tables and figures of results; nothing is computed here."""
