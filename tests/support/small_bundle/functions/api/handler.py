"""GET /health pings Redis; PUT /items/x stores; GET /items/x tells; GET /environment shows what a function sees."""

import json
import os
import subprocess
from typing import Any

import boto3
import maestro
import redis


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    method, path = event["requestContext"]["http"]["method"], event["rawPath"]
    body: Any = {"maestro": maestro.__file__}
    if path.endswith("/health"):
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["REDIS_SECRET"])
        body["redis"] = redis.Redis.from_url(secret["SecretString"]).ping()
    elif path.endswith("/environment"):
        body = dict(os.environ)
    elif path.endswith("/sleep"):
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        child.wait()
    else:
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        name = path.rsplit("/", 1)[1]
        if method == "PUT":
            table.put_item(Item={"pk": name, "value": event["body"]})
        body = table.get_item(Key={"pk": name}).get("Item")
    return {"statusCode": 200, "body": json.dumps(body)}
