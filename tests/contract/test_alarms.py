"""CloudWatch alarms."""

import contextlib

from tests.contract.conftest import Account


def test_an_alarm_is_described_as_it_was_put(
    account: Account, later: contextlib.ExitStack, name: str
) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html"""
    alarms = account.client("cloudwatch")
    wanted = {
        "AlarmName": name,
        "AlarmDescription": "More than <none> & one.",
        "ActionsEnabled": True,
        "AlarmActions": [account.arn("sns", name)],
        "OKActions": [account.arn("sns", f"{name}-ok")],
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": name}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }

    alarms.put_metric_alarm(**wanted)
    later.callback(alarms.delete_alarms, AlarmNames=[name])
    (described,) = alarms.describe_alarms(AlarmNames=[name])["MetricAlarms"]

    assert {key: described[key] for key in wanted} == wanted
