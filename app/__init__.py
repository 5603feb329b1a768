"""The composition root: knows everybody; nobody knows it."""
