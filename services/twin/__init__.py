"""A Stripe and a PayPal of our own on loopback: what a provider would do, for tests, demos and the first try."""
