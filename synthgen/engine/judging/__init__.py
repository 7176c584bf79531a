"""From a raw answer to accepted rows: parse, checks, vectors, dedup, commit in slot order."""
