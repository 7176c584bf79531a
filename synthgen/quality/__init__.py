"""Does the data help, and is it fit to train on? The tools that work on any file."""
