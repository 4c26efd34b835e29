"""What happens when somebody submits: look-up, checks, policy, the request."""
