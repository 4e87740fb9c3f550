-- The events of Secrets Manager in the bucket of a trail. One of the questions follows: readers.sql, changes.sql,
-- rotations.sql or overdue.sql. The table is the one that AWS describes:
-- https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table-partition-projection.html
-- Set the period, twice: "timestamp" is the day of delivery, by which Athena reads less.
WITH recorded AS (
  SELECT
    CAST(from_iso8601_timestamp(eventtime) AS timestamp) AS event_time,
    eventname AS event_name,
    recipientaccountid AS account,
    awsregion AS region,
    -- A call names the secret as it likes, by its name or its ARN. An event of a rotation has the ARN.
    coalesce(
      json_extract_scalar(additionaleventdata, '$.SecretId'),
      json_extract_scalar(requestparameters, '$.secretId'),
      json_extract_scalar(requestparameters, '$.name')
    ) AS secret_id,
    -- A caller of another account is only its number.
    coalesce(
      useridentity.sessioncontext.sessionissuer.arn,
      useridentity.arn,
      useridentity.invokedby,
      useridentity.accountid
    ) AS principal,
    errorcode AS error_code,
    errormessage AS error_message
  FROM cloudtrail_logs_pp
  WHERE eventsource = 'secretsmanager.amazonaws.com'
    AND "timestamp" BETWEEN '2026/07/01' AND '2026/10/01'
    AND eventtime >= '2026-07-01' AND eventtime < '2026-10-01'
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
