"""What each screen shows and what its user can do, without widgets. One file per area."""
