"""One process at work on a run: the session, its stage runners, and a session without endpoints (replay)."""
