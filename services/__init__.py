"""What the product does. No Qt anywhere below this package."""
