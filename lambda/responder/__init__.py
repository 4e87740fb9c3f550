"""The function that turns an event about a leaked credential into a report."""
