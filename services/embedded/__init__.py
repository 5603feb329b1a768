"""Implementation 1 of the service interface: use cases on SQLite or PostgreSQL in this process."""
