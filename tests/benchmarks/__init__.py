"""Speed against the limit and against what is usual, as ratios within one run: `python -m tests.benchmarks`."""
