"""What lies on the desk: bundles, folders, archives, and the pieces of evidence in them."""
