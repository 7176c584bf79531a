"""Translation by the rules of Apertium, as Debian packages it."""
