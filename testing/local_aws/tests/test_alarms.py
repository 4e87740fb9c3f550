"""DescribeAlarms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
"""

import contextlib
import urllib.request
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from testing.local_aws.tests.conftest import Account, Client


def call_in_query_protocol(account: Account, alarms: Client, **parameters: str) -> str:
    """Send a request in the protocol of the Terraform provider, which boto3 does not use."""
    body = urlencode({"Version": "2010-08-01", **parameters}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{alarms.meta.endpoint_url}/"
    request = AWSRequest("POST", url, headers, body)
    credentials = account.session.get_credentials()
    assert credentials is not None
    SigV4Auth(credentials, "monitoring", account.region).add_auth(request)
    signed = urllib.request.Request(  # noqa: S310 - the client's own endpoint
        url, body, dict(request.headers), method="POST"
    )
    with urllib.request.urlopen(signed) as response:  # noqa: S310 - see above
        document: str = response.read().decode()
    return "".join(line.strip() for line in document.splitlines())


def test_describe_alarms_returns_every_field_of_put_metric_alarm(
    account: Account, later: contextlib.ExitStack, name: str
) -> None:
    alarms = account.client("cloudwatch")
    topic, ok_topic = account.arn("sns", name), account.arn("sns", f"{name}-ok")
    alarms.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="More than <none> & one.",
        AlarmActions=[topic],
        OKActions=[ok_topic],
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    later.callback(alarms.delete_alarms, AlarmNames=[name])

    described = call_in_query_protocol(
        account, alarms, **{"Action": "DescribeAlarms", "AlarmNames.member.1": name}
    )

    for expected in (
        "<ActionsEnabled>true</ActionsEnabled>",
        f"<AlarmActions><member>{topic}</member></AlarmActions>",
        "<AlarmDescription>More than &lt;none&gt; &amp; one.</AlarmDescription>",
        f"<member><Name>FunctionName</Name><Value>{name}</Value></member></Dimensions>",
        f"<OKActions><member>{ok_topic}</member></OKActions>",
        "<Period>300</Period>",
        "<Statistic>Sum</Statistic>",
        "<TreatMissingData>notBreaching</TreatMissingData>",
    ):
        assert expected in described
