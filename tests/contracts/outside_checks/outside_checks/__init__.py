"""A package of somebody else: a check, an encoder and an export format."""
