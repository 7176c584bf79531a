"""Neural translation by Marian models."""
