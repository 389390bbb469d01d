"""What the runner tells about itself: log, metrics, health."""
