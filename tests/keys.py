"""The secret of test ledgers."""

LEDGER_KEY = b"a key for tests and nothing else"
