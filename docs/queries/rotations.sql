-- When a secret rotated, when that failed, and how long after the last success.
SELECT
  event_time,
  account,
  region,
  secret,
  event_name,
  error_message,
  date_diff(
    'day',
    max(CASE WHEN event_name = 'RotationSucceeded' THEN CAST(event_time AS date) END) OVER (
      PARTITION BY account, region, secret
      ORDER BY event_time
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ),
    CAST(event_time AS date)
  ) AS days_since_success
FROM secret_events
WHERE event_name IN ('RotationSucceeded', 'RotationFailed', 'RotationAbandoned')
ORDER BY secret, event_time
