"""Two hosts, or one host before and after: what is different between two pieces of evidence, and what could not be compared."""
