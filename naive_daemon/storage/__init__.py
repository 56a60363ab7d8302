"""Where state is kept: PostgreSQL (the truth), Redis (hot state), and embedded servers for a bare machine."""
