"""Everything outside the program: a Protocol, the real thing and a fake side by side."""
