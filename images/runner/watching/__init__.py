"""What is known of the cluster: list and watch, the cache with its indexes, selectors."""
