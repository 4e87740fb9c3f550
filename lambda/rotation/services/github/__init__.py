"""GitHub: its REST API, its errors, and the SSH keys that it takes."""
