"""Exported configurations and networks, and their verification."""
