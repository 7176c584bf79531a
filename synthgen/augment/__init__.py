"""Classic augmentation, without a language model: synonyms, Apertium, Marian. Reached through the provider seam."""
