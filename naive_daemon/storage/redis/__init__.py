"""Hot state in Redis."""
