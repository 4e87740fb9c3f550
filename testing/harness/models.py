"""A plugin of pytest: all sessions of the AWS SDK share the parsed models of AWS's services.

They are megabytes of JSON, which each session would parse again: half of the processor time of the
tests that make many sessions. One session shares them between its clients in the same way.
"""

import functools

import botocore.session

botocore.session.create_loader = functools.cache(botocore.session.create_loader)
