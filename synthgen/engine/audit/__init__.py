"""Whether a whole journal is sound and every decision follows from its answers. Only reads."""
