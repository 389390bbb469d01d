"""The API server: requests, credentials, discovery, paths, and the Lease without which nothing is written."""
