"""Reusable widgets painted from tokens; they know neither a service nor a view-model."""
