"""What changed, and what happened when."""
