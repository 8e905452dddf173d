"""A study: what is damaged, how and how often; read, checked and resolved."""
