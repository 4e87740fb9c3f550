"""Writes reports and reads them back, in several threads, while the key rotates.

Prints one line of JSON per second, and a last one when it is stopped.
"""

import argparse
import json
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import boto3
import refreshing
from botocore.exceptions import BotoCoreError, ClientError
from meter import Meter


class WrongReportError(Exception):
    """The report that was read differs from the report that was written."""


def bucket_of(secret_id: str) -> str:
    """Return the constant that the secret holds beside the key."""
    answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
    return str(json.loads(answer["SecretString"])["bucket"])


def main() -> None:
    """Run until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("secret_id", help="name or ARN of the secret")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--maximum-age", type=float, default=1800, metavar="SECONDS")
    parser.add_argument("--report-every", type=float, default=1, metavar="SECONDS")
    given = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    meter = Meter()
    session = refreshing.session(given.secret_id, timedelta(seconds=given.maximum_age))
    meter.watch(session, "s3")
    client = session.client("s3")
    bucket = bucket_of(given.secret_id)

    def work(name: str) -> None:
        key = f"reports/{name}"
        number = 0
        while not stop.wait(0.05):
            number += 1
            report = f"report {number} of {name}".encode()
            try:
                client.put_object(Bucket=bucket, Key=key, Body=report)
                stored = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            except (BotoCoreError, ClientError):
                continue  # The meter has counted the failure.
            if stored != report:
                raise WrongReportError(key)

    with ThreadPoolExecutor(given.workers) as pool:
        workers = [pool.submit(work, f"worker-{number}") for number in range(given.workers)]
        while not stop.wait(given.report_every) and not any(worker.done() for worker in workers):
            meter.report(sys.stdout)
        stop.set()
    meter.report(sys.stdout)
    for worker in workers:
        worker.result()


if __name__ == "__main__":
    main()
