"""Alembic's environment and the numbered steps of the schema; shipped as data."""
