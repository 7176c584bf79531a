"""synthgen: synthetic text training data from language models, without losing or double-buying an answer."""
