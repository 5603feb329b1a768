"""What the user sees. Knows services.api and nothing else of services."""
