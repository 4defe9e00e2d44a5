"""Who starts whom, in which order, and what happens when one falls."""
