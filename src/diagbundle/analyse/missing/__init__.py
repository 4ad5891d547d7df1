"""What was not had, what it keeps us from judging, and what would fetch it."""
