"""The watcher: looks at one secret on a schedule, and notifies an SNS topic of its events."""
