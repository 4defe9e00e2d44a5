"""The promises, a file each."""
