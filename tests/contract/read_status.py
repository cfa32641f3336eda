"""Calls a method once for each line of standard input and prints the error details that grpcio's own helper finds.

A line is the request in base64; the output is one JSON object a line.
"""

import base64
import json
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def details_of(status):
    found = {"code": status.code, "message": status.message}
    for detail in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found[kind.__name__] = message
    info, bad, retry = (found.pop(name, None) for name in ("ErrorInfo", "BadRequest", "RetryInfo"))
    if info is not None:
        found.update(reason=info.reason, domain=info.domain, metadata=dict(info.metadata))
    if bad is not None:
        found["violations"] = [[violation.field, violation.reason] for violation in bad.field_violations]
    if retry is not None:
        found["retryMilliseconds"] = retry.retry_delay.ToMilliseconds()
    return found


def main(endpoint, method):
    with grpc.insecure_channel(endpoint) as channel:
        call = channel.unary_unary(method, request_serializer=None, response_deserializer=None)
        for line in sys.stdin:
            try:
                call(base64.b64decode(line), timeout=20)
                print(json.dumps({"code": 0}))
            except grpc.RpcError as error:
                status = rpc_status.from_call(error)
                found = {"code": error.code().value[0]} if status is None else details_of(status)
                print(json.dumps(found))


main(*sys.argv[1:])
