-- The events of Secrets Manager in an event data store of CloudTrail Lake. One of the questions follows: readers.sql,
-- changes.sql, rotations.sql or overdue.sql. Write the ID of your store for event_data_store_ID, and set the period.
-- https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html
WITH recorded AS (
  SELECT
    eventTime AS event_time,
    eventName AS event_name,
    recipientAccountId AS account,
    awsRegion AS region,
    -- A call names the secret as it likes, by its name or its ARN. An event of a rotation has the ARN.
    coalesce(
      element_at(additionalEventData, 'SecretId'),
      element_at(requestParameters, 'secretId'),
      element_at(requestParameters, 'name')
    ) AS secret_id,
    -- A caller of another account is only its number.
    coalesce(
      userIdentity.sessionContext.sessionIssuer.arn,
      userIdentity.arn,
      userIdentity.invokedBy,
      userIdentity.accountId
    ) AS principal,
    errorCode AS error_code,
    errorMessage AS error_message
  FROM event_data_store_ID
  WHERE eventSource = 'secretsmanager.amazonaws.com'
    AND eventTime >= timestamp '2026-07-01 00:00:00' AND eventTime < timestamp '2026-10-01 00:00:00'
),
secret_events AS (
  SELECT
    *,
    -- The ARN ends with a hyphen and six characters, which an ARN in a call may leave out.
    CASE
      WHEN secret_id LIKE 'arn:%' THEN regexp_extract(secret_id, ':secret:(.+?)(?:-[A-Za-z0-9]{6})?$', 1)
      ELSE secret_id
    END AS secret
  FROM recorded
)
