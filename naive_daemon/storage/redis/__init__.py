"""The cache database in Redis."""
