"""What a bundle is put into on its way to whoever reads it: encryption, a signature, parts."""
