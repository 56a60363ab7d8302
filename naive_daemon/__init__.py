"""A supervised actor-system trading daemon."""
