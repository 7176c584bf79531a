"""Does the synthetic data help: on runs, and on files made elsewhere."""
