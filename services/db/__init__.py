"""Tables, engines and migrations; nobody above services.embedded sees them."""
