"""OWSLib as a client of OGC API - Processes: `owslib_client.py`, reads JSON from standard input, prints JSON."""

import json
import sys
import time
import urllib.request

from owslib.ogcapi.processes import Processes

asked = json.load(sys.stdin)
api = Processes(asked["address"] + "/ogc/")


def get(path):
    with urllib.request.urlopen(f"{asked['address']}/ogc/{path}", timeout=30) as response:
        return json.load(response)


def run(process, inputs):
    """Starts a job and waits for its end. Returns its last status and its results."""
    api.execute(process, inputs=inputs, async_=True)
    # OWSLib returns the body or the address of the job, by version: the newest job of the process is ours.
    job = next(job for job in get("jobs")["jobs"] if job["processID"] == process)
    while job["status"] in ("accepted", "running"):
        time.sleep(0.1)
        job = get(f"jobs/{job['jobID']}")
    return {"job": job, "results": get(f"jobs/{job['jobID']}/results") if job["status"] == "successful" else None}


print(
    json.dumps(
        {
            "links": [link["rel"] for link in api.links],
            "conformance": api.conformance()["conformsTo"],
            "openapi": api.api()["paths"],
            "processes": [process["id"] for process in api.processes()],
            "classify": api.process("classify"),
            "prepared": run("prepare", asked["prepare"]),
            "classified": run("classify", asked["classify"]),
        }
    )
)
