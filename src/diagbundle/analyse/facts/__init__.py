"""What evidence says about the world: one type for one thing, whatever command or file told it."""
