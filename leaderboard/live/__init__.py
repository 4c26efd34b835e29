"""What people who follow a request or the queue are told while it changes; one look at the store for all of them."""
