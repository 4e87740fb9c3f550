-- The secrets that were overdue at the end of the period: no successful rotation for more than 31 days. Set both.
-- Without a success in the period, the days count from the secret's first event in it. CloudTrail doesn't show a secret
-- without an event.
SELECT
  account,
  region,
  secret,
  last_success,
  last_failure,
  switched_off,
  date_diff('day', CAST(coalesce(last_success, first_event) AS date), date '2026-10-01') AS days
FROM (
  SELECT
    account,
    region,
    secret,
    min(event_time) AS first_event,
    max(CASE WHEN event_name = 'RotationSucceeded' THEN event_time END) AS last_success,
    max(CASE WHEN event_name IN ('RotationFailed', 'RotationAbandoned') THEN event_time END) AS last_failure,
    max(CASE WHEN event_name = 'CancelRotateSecret' THEN event_time END) AS switched_off,
    max(CASE WHEN event_name = 'DeleteSecret' THEN event_time END) AS deleted,
    max(CASE WHEN event_name IN ('CreateSecret', 'RestoreSecret') THEN event_time END) AS created,
    count_if(regexp_like(event_name, '^(CancelRotateSecret|RotateSecret|Rotation)')) AS rotation_events
  FROM secret_events
  WHERE error_code IS NULL OR event_name LIKE 'Rotation%'
  GROUP BY account, region, secret
)
WHERE rotation_events > 0
  AND (deleted IS NULL OR created > deleted)
  AND date_diff('day', CAST(coalesce(last_success, first_event) AS date), date '2026-10-01') > 31
ORDER BY days DESC, secret
