"""Everything that turns a request into text. One noun per module; `protocol` says what a provider must be."""
