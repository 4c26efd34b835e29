"""What a worker does beside its jobs: free disk space, refresh facts, report scores."""
