"""What the runner was told: command line, watch lists and their keys, annotations, limits."""
