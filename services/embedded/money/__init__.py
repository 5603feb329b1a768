"""Money and time in this process: the ledger and all that posts to it, what repeats, and what falls due."""
