"""What people start: verbs of `podium` that need the back half."""
