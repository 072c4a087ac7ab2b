"""
A process for each alert that asks MISP by HTTP, in the manner of the integrations that integratord starts: reads the alert's file,
picks one value by the kind of the alert, asks, and ends.

    custom-misp.py ALERT-FILE KEY URL
"""
import json
import sys

try:
    import requests
except ImportError:
    requests = None
    import urllib.request

CANDIDATES = (
    ("data", "win", "eventdata", "queryName"),
    ("data", "win", "eventdata", "destinationIp"),
    ("data", "win", "eventdata", "hashes"),
    ("syscheck", "sha256_after"),
    ("data", "dns", "question", "name"),
    ("data", "dest_ip"),
    ("data", "destination", "ip"),
    ("data", "srcip"),
)


def value_of(alert):
    for path in CANDIDATES:
        found = alert
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, str) and found:
            return found.split("SHA256=")[-1].split(",")[0]
    return None


def ask(url, key):
    headers = {"Authorization": key, "Accept": "application/json", "Content-Type": "application/json"}
    if requests is not None:
        return requests.get(url, headers=headers, timeout=10).json()
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return json.load(answer)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        alert = json.load(file)
    value = value_of(alert)
    if value is None:
        return
    answer = ask(sys.argv[3] + "/attributes/restSearch/value:" + value, sys.argv[2])
    if answer["response"]["Attribute"]:
        print(json.dumps(answer))


main()
