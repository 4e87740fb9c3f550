-- Who changed a secret, or tried to: its value, labels, policy, tags, replicas or rotation.
SELECT event_time, account, region, secret, event_name, principal, error_code
FROM secret_events
WHERE NOT regexp_like(event_name, '^(BatchGet|Describe|Get|List|Validate|Rotation|TestRotation)')
ORDER BY secret, event_time
