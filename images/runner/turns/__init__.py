"""What is done for an object: the queue, what starts a turn, turns with and without a planner, finalizers, status."""
