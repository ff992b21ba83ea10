"""Calls every action that is asked for, and checks that boto3 finds every member in the answer, with the value that was sent.

Arguments: a JSON file of services with their actions, and of the members' names that the answers can have, in small letters.
"""
import json
import os
import sys

import boto3
from botocore import xform_name
from botocore.config import Config

with open(sys.argv[1]) as f:
    asked = json.load(f)
known, wrong, checked = set(asked["members"]), [], 0


def check(path, shape, value, above):
    """Compares a value with what the shape says that it has."""
    if shape.name in above:
        return
    if shape.type_name == "structure":
        if getattr(shape, "is_tagged_union", False):
            return
        for name, member in shape.members.items():
            if name.lower() not in known or name == "ResponseMetadata":
                continue  # newer, or older, than what answers
            if name not in value:
                wrong.append(f"{path}.{name} is not there")
            else:
                check(f"{path}.{name}", member, value[name], above | {shape.name})
    elif shape.type_name == "list":
        if len(value) != 2:
            wrong.append(f"{path} has {len(value)} elements")
        for element in value:
            check(f"{path}[]", shape.member, element, above | {shape.name})
    elif shape.type_name == "string" and value != asked["text"]:
        wrong.append(f"{path} is {value!r}")


for service, actions in asked["services"].items():
    client = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=Config(parameter_validation=False))
    for action in actions:
        method = getattr(client, xform_name(action), None)
        if method is None:
            continue  # an older boto3
        answer = method()
        shape = client.meta.service_model.operation_model(action).output_shape
        if shape is not None:
            check(f"{service}.{action}", shape, answer, frozenset())
        checked += 1
print(checked)
sys.exit("\n".join(wrong) or 0)
