"""What a study may hold: fields that know how to be read, and entries to choose from."""
