-- Who read a secret, how often, and who was refused. A session counts as its role. BatchGetSecretValue names several
-- secrets or a filter, so it has no secret here; each secret that it requests also has a GetSecretValue.
SELECT
  account,
  region,
  secret,
  principal,
  count_if(error_code IS NULL) AS reads,
  count_if(error_code IS NOT NULL) AS refused,
  min(event_time) AS first_time,
  max(event_time) AS last_time
FROM secret_events
WHERE event_name IN ('GetSecretValue', 'BatchGetSecretValue')
GROUP BY account, region, secret, principal
ORDER BY secret, principal, account, region
