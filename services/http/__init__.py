"""The HTTP faces, over any Service."""
