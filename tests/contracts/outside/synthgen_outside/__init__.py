"""A package that is not synthgen and adds to it."""
