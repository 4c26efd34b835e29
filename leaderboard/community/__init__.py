"""What people do on a board beside submitting: flag, discuss, vote, look after their requests.

Everything is a file that changes by compare-and-swap and keeps its history; see docs/community.md.
"""
