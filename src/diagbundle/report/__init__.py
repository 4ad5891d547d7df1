"""What the desk tells: in a terminal, as text for a ticket, as pages to look at and to sign, as JSON."""
