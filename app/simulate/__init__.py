"""Seeded lives of many organizations on the real services: random wishes, failures, kills and jumps of the clock.

After each life everything that must always hold is checked (invariants.py). The same seed lives the same life.
"""
